"""Files of poses: their columns, stamps, forms, and how a form is recognised."""
