"""What others ask of the node: transitions and services, and the model that nodes share."""
