"""Images that are held out of a map: their poses, localised and tracked."""
