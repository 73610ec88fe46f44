# check: conv
import numpy as np

class Conv2D:
    def __init__(self, n_filters, size):
        self.n, self.k = n_filters, size
        self.filters = np.random.default_rng(5).normal(size=(n_filters, size, size)) / 9
    def patches(self, image):
        H, W = image.shape
        for i in range(H - self.k + 1):
            for j in range(W - self.k + 1):
                yield image[i:i + self.k, j:j + self.k], i, j
    def forward(self, image):
        self.last_input = image
        H, W = image.shape
        out = np.zeros((H - self.k + 1, W - self.k + 1, self.n))
        for region, i, j in self.patches(image):
            out[i, j] = np.sum(region * self.filters, axis=(1, 2))
        return out
    def backprop(self, d_L_d_out, learn_rate):
        d_L_d_filters = np.zeros(self.filters.shape)
        for region, i, j in self.patches(self.last_input):
            for f in range(self.n):
                d_L_d_filters[f] += d_L_d_out[i, j, f] * region  # wrong: d_L_d_filters[f] = d_L_d_out[i, j, f] * region
        self.filters -= learn_rate * d_L_d_filters
        return None

conv = Conv2D(2, 3)
inputs = {"image": np.random.default_rng(6).normal(size=(5, 5)), "learn_rate": 0.01}
