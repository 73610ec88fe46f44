"""What can be checked, each made into a `Subject`: layers, losses, networks, NumPy functions,
functions of PyTorch and of JAX."""
