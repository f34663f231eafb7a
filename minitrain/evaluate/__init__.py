"""How good a model is, and how far its own word can be trusted. Here now: calibration, probes of features."""
