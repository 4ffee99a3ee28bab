"""Verification of hypotheses: guided refinement, votes by appearance, evidence, decision."""
