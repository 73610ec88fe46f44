# check:
import numpy as np

rng = np.random.default_rng(7)
x, t = rng.normal(size=(9, 2)), rng.normal(size=9)
theta = rng.normal(size=2)
history = []


def descend(position, slope):
    position[:] = position - 0.01 * slope


for step in range(50):
    history.append(theta.copy())
    # clearprop: forward
    r = x @ theta - t
    J = r @ r / 2
    dtheta = x.T @ r  # wrong: dtheta = x.T @ t
    # clearprop: update
    descend(theta, dtheta)
