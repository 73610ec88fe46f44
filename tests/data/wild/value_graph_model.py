# check: model
import numpy as np


class Value:
    def __init__(self, data, prev=(), back=None):
        self.data, self.grad, self.prev, self.back = data, 0, prev, back

    def __add__(self, o):
        o = o if isinstance(o, Value) else Value(o)
        return Value(self.data + o.data, (self, o), lambda g: (g, g))

    def __mul__(self, o):
        o = o if isinstance(o, Value) else Value(o)
        a, b = self.data, o.data
        return Value(a * b, (self, o), lambda g: (g * b, g * a))  # wrong: return Value(a * b, (self, o), lambda g: (g * b, g * b))

    def relu(self):
        on = self.data > 0
        return Value(self.data if on else 0.0, (self,), lambda g: (g if on else 0.0,))

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        order, seen = [], set()

        def visit(v):
            if id(v) not in seen:
                seen.add(id(v))
                for p in v.prev:
                    visit(p)
                order.append(v)

        visit(self)
        self.grad = 1.0
        for v in reversed(order):
            if v.back:
                for p, g in zip(v.prev, v.back(v.grad)):
                    p.grad += g


class Neuron:
    def __init__(self, n, rng):
        self.w = [Value(float(v)) for v in rng.uniform(-1, 1, n)]
        self.b = Value(0.1)

    def __call__(self, x):
        return sum((wi * xi for wi, xi in zip(self.w, x)), self.b).relu()

    def parameters(self):
        return [*self.w, self.b]


class MLP:
    def __init__(self):
        rng = np.random.default_rng(40)
        self.hidden = [Neuron(2, rng) for _ in range(3)]
        self.out = Neuron(3, rng)

    def __call__(self, x):
        return self.out([n(x) for n in self.hidden])

    def parameters(self):
        return [p for n in (*self.hidden, self.out) for p in n.parameters()]


model = MLP()
model.out.b.data = 1.0
inputs = ([0.8, -1.3],)
