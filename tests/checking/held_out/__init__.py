"""Backward passes as people write them, right and wrong, that the diagnosis was not tuned on."""
