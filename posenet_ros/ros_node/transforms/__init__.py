"""Where the transform goes: what others say on /tf, the choice of the mode, and what is sent."""
