"""Numbers forward, back and down: layers, losses, optimizers, the network and its step."""
