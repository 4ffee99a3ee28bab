"""Visual localisation by matched landmarks: features, matching, absolute pose."""
