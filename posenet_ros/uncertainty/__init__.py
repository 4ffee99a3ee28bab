"""How sure a pose is: covariance, Monte-Carlo dropout, place recognition."""
