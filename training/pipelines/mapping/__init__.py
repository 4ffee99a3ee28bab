"""From a walk to a place: the steps of `posenet map`."""
