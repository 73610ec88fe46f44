"""In from elsewhere and out to elsewhere: our own file, PyTorch, JAX."""
