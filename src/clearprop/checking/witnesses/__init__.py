"""Who else knows the gradient: difference quotients, the complex step, torch, JAX, a reference."""
