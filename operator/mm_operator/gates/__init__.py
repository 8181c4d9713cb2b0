"""Gates: pure questions to the evidence of one step. `builtin` lists them, `evaluate` runs a stage's."""
