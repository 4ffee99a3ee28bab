"""Update a finished map: extend it by a walk, prune it, merge it with another."""
