# %% [en]
# # Backprop dojo: the digits
#
# A LeNet that reads handwritten digits: convolution, pooling, flatten. Every forward pass is given, every backward pass is yours to write, in plain NumPy. Below each stands `check`: it compares your gradients with what moving every number shows, and names the mistake that you probably made. At the end the network trains with your backward.
#
# Run the cells from top to bottom. A backward that is still blank is told so, and the next cell can be run all the same.
# %% [zh-TW]
# # 反向傳播道場：數字
#
# 一個會讀手寫數字的 LeNet：卷積、池化、攤平。前向傳遞都已寫好，反向傳遞全由你用純 NumPy 寫出。每一格下面都有 `check`：它把每個數字稍微移動，拿結果與你的梯度比較，並說出你大概犯了什麼錯。最後，網路用你寫的反向傳遞訓練。
#
# 由上往下執行各格。還沒寫的反向傳遞會明白告訴你，後面的格子仍可先跑。

# %%
import numpy as np

from clearprop import ClearpropError, check
from clearprop.teaching.experiments.digits_data import load_digits

random = np.random.default_rng(0)


def judge(*code, **backward):
    try:
        print(check(*code, **backward).text("en"))
    except ClearpropError as problem:
        print(problem.message("en"))


# %% [en]
# ## Convolution
#
# $y_{n,o,i,j} = b_o + \sum_{c,u,v} W_{o,c,u,v}\, x_{n,c,i+u,j+v}$, where $x$ has a border of one zero all around, so that $y$ is as large as $x$. $x$ is (N, C, H, W), $W$ is (O, C, 3, 3), $b$ is (O,).
#
# Whoever takes part in a sum gets the gradient of every place that it took part in. What reached $x_{n,c,i+u,j+v}$ in $\partial x$ came from $y_{n,o,i,j}$: seen from $x$, the kernel lies the other way round. `patches` gives what lies under the kernel at every place, (N, C, H, W, 3, 3).
# %% [zh-TW]
# ## 卷積
#
# $y_{n,o,i,j} = b_o + \sum_{c,u,v} W_{o,c,u,v}\, x_{n,c,i+u,j+v}$，其中 $x$ 四周補一圈 0，所以 $y$ 與 $x$ 一樣大。$x$ 是 (N, C, H, W)，$W$ 是 (O, C, 3, 3)，$b$ 是 (O,)。
#
# 誰參與了加總，就從它參與的每個位置得到梯度。$\partial x$ 中 $x_{n,c,i+u,j+v}$ 的部分來自 $y_{n,o,i,j}$：從 $x$ 看去，卷積核轉了半圈。`patches` 給出每個位置上卷積核所蓋住的部分，(N, C, H, W, 3, 3)。


# %%
def patches(x):
    wide = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return np.lib.stride_tricks.sliding_window_view(wide, (3, 3), axis=(2, 3))


def convolution(x, W, b):
    # patches are (N, C, H, W, 3, 3); C and the kernel's places are summed over.
    y = np.tensordot(patches(x), W, axes=((1, 4, 5), (1, 2, 3))) + b
    return y.transpose(0, 3, 1, 2), (x, W)


def convolution_backward(dy, cache):
    # blank: dx, dW, db
    x, W = cache
    turned = W[:, :, ::-1, ::-1]
    dx = np.tensordot(patches(dy), turned, axes=((1, 4, 5), (0, 2, 3))).transpose(0, 3, 1, 2)
    dW = np.tensordot(dy, patches(x), axes=((0, 2, 3), (0, 2, 3)))
    return dx, dW, dy.sum(axis=(0, 2, 3))
    # end


x = random.normal(size=(2, 2, 4, 5))
W, b = random.normal(size=(3, 2, 3, 3)), random.normal(size=3)
judge(convolution, x, W, b, backward=convolution_backward)

# %% [en]
# ## ReLU
#
# $a = \max(0, z)$, place by place: the gradient goes on where $z > 0$, and nowhere else.
# %% [zh-TW]
# ## ReLU
#
# $a = \max(0, z)$，逐個位置：$z > 0$ 的地方梯度通過，其餘都不通過。


# %%
def relu(z):
    return np.maximum(z, 0), z


def relu_backward(da, z):
    # blank: dz
    return da * (z > 0)
    # end


judge(relu, x, backward=relu_backward)

# %% [en]
# ## Pooling
#
# Of each window of 2 × 2 the largest entry goes on. Its gradient goes back to that entry alone. Where several are equally large (behind ReLU several are often 0), the first one takes it, as in PyTorch.
# %% [zh-TW]
# ## 池化
#
# 每個 2 × 2 的窗只留下最大的一個。梯度也只回到那一個。有好幾個一樣大時（ReLU 之後常常有好幾個 0），由第一個拿走，與 PyTorch 相同。


# %%
def windows(x):
    n, channels, height, width = x.shape
    cut = x.reshape(n, channels, height // 2, 2, width // 2, 2)
    return cut.transpose(0, 1, 2, 4, 3, 5).reshape(n, channels, height // 2, width // 2, 4)


def pooling(x):
    return windows(x).max(axis=-1), x


def pooling_backward(dy, x):
    # blank: dx
    first = windows(x).argmax(axis=-1)
    d_windows = (np.arange(4) == first[..., None]) * dy[..., None]
    n, channels, height, width = dy.shape
    cut = d_windows.reshape(n, channels, height, width, 2, 2)
    return cut.transpose(0, 1, 2, 4, 3, 5).reshape(x.shape)
    # end


judge(pooling, random.normal(size=(2, 2, 4, 6)), backward=pooling_backward)

# %% [en]
# ## Flatten
#
# (N, C, H, W) becomes (N, C·H·W). Nothing is computed; the gradient takes the old shape again.
# %% [zh-TW]
# ## 攤平
#
# (N, C, H, W) 變成 (N, C·H·W)。什麼都沒有計算；梯度只是回到原來的形狀。


# %%
def flatten(x):
    return x.reshape(len(x), -1), x.shape


def flatten_backward(dy, shape):
    # blank: dx
    return dy.reshape(shape)
    # end


judge(flatten, x, backward=flatten_backward)

# %% [en]
# ## Linear
#
# $y = xW + b$, with the samples in rows.
# %% [zh-TW]
# ## 線性層
#
# $y = xW + b$，每列一個樣本。


# %%
def linear(x, W, b):
    return x @ W + b, (x, W)


def linear_backward(dy, cache):
    # blank: dx, dW, db
    x, W = cache
    return dy @ W.T, x.T @ dy, dy.sum(axis=0)
    # end


rows, weights, bias = (random.normal(size=size) for size in ((5, 3), (3, 4), 4))
judge(linear, rows, weights, bias, backward=linear_backward)

# %% [en]
# ## Softmax and cross-entropy
#
# $p = \mathrm{softmax}(y)$ and $L = -\frac{1}{N}\sum_n \log p_{n,t_n}$. Both derived together, little is left. The loss is a single number, and its `dL` too.
# %% [zh-TW]
# ## Softmax 與交叉熵
#
# $p = \mathrm{softmax}(y)$，$L = -\frac{1}{N}\sum_n \log p_{n,t_n}$。兩者一起推導，剩下的很少。損失是一個數字，它的 `dL` 也是。


# %%
def cross_entropy(y, t):
    powers = np.exp(y - y.max(axis=-1, keepdims=True))
    p = powers / powers.sum(axis=-1, keepdims=True)
    return -np.mean(np.log(p[np.arange(len(t)), t])), (p, t)


def cross_entropy_backward(dL, cache):
    # blank: dy
    p, t = cache
    told = np.zeros_like(p)
    told[np.arange(len(t)), t] = 1
    return dL * (p - told) / len(t)
    # end


t = np.array([0, 3, 1, 1, 2])
judge(cross_entropy, random.normal(size=(5, 4)), t, backward=cross_entropy_backward)

# %% [en]
# ## The whole network
#
# Convolution, ReLU, pooling, twice; flatten, linear, ReLU, linear, cross-entropy. Your backward passes in the reverse order, each handed what the one behind it returned. Return a dictionary of gradients by the parameters' names.
# %% [zh-TW]
# ## 整個網路
#
# 卷積、ReLU、池化，兩次；攤平、線性層、ReLU、線性層、交叉熵。把你的反向傳遞倒著接起來，每一個都收下後一個所傳回的。傳回一個字典，以參數的名字存放梯度。


# %%
def lenet(x, params):
    z1, c1 = convolution(x, params["K1"], params["b1"])
    a1, r1 = relu(z1)
    p1, m1 = pooling(a1)
    z2, c2 = convolution(p1, params["K2"], params["b2"])
    a2, r2 = relu(z2)
    p2, m2 = pooling(a2)
    flat, shape = flatten(p2)
    z3, c3 = linear(flat, params["W3"], params["b3"])
    a3, r3 = relu(z3)
    y, c4 = linear(a3, params["W4"], params["b4"])
    return y, (c1, r1, m1, c2, r2, m2, shape, c3, r3, c4)


def lenet_backward(dy, cache):
    # blank: {"K1": …, "b1": …, "K2": …, "b2": …, "W3": …, "b3": …, "W4": …, "b4": …}
    c1, r1, m1, c2, r2, m2, shape, c3, r3, c4 = cache
    da3, dW4, db4 = linear_backward(dy, c4)
    dflat, dW3, db3 = linear_backward(relu_backward(da3, r3), c3)
    da2 = pooling_backward(flatten_backward(dflat, shape), m2)
    dp1, dK2, db2 = convolution_backward(relu_backward(da2, r2), c2)
    dz1 = relu_backward(pooling_backward(dp1, m1), r1)
    _, dK1, db1 = convolution_backward(dz1, c1)
    return {
        "K1": dK1,
        "b1": db1,
        "K2": dK2,
        "b2": db2,
        "W3": dW3,
        "b3": db3,
        "W4": dW4,
        "b4": db4,
    }
    # end


def started(first, second, units):
    """He's start: normal, with the variance 2 / fan-in."""
    shapes = {
        "K1": (first, 1, 3, 3),
        "K2": (second, first, 3, 3),
        "W3": (4 * second, units),
        "W4": (units, 10),
    }
    fan_in = {"K1": 9, "K2": 9 * first, "W3": 4 * second, "W4": units}
    params = {}
    for name, shape in shapes.items():
        params[name] = random.normal(size=shape) * np.sqrt(2 / fan_in[name])
        params[f"b{name[1]}"] = 0.1 + 0.1 * random.normal(size=shape[0 if name[0] == "K" else 1])
    return params


digits = load_digits()
judge(
    lenet,
    digits.x[:4] + 0.01 * random.normal(size=(4, 1, 8, 8)),
    started(2, 3, 5),
    backward=lenet_backward,
)

# %% [en]
# ## Training
#
# Adam, and the gradient is yours alone. A fifth of the digits is held out; more than 97 % of it are read rightly at the end, after a minute at the most.
# %% [zh-TW]
# ## 訓練
#
# 用 Adam，梯度完全來自你的程式。保留五分之一的數字不訓練；最多一分鐘後訓練結束，其中超過 97 % 讀對。

# %%
STEPS = 1000
BATCH, RATE = 64, 3e-3


def train(params, x, t):
    mean = {name: np.zeros_like(one) for name, one in params.items()}
    square = {name: np.zeros_like(one) for name, one in params.items()}
    for step in range(STEPS):
        rows = random.integers(len(x), size=BATCH)
        # A digit moved sideways by a pixel is the same digit.
        moved = np.roll(x[rows], random.integers(-1, 2), axis=3)
        y, cache = lenet(moved, params)
        loss, saved = cross_entropy(y, t[rows])
        gradients = lenet_backward(cross_entropy_backward(1.0, saved), cache)
        rate = RATE * (1 + np.cos(np.pi * step / STEPS)) / 2
        for name, gradient in gradients.items():
            mean[name] += 0.1 * (gradient - mean[name])
            square[name] += 0.001 * (gradient**2 - square[name])
            ahead = mean[name] / (1 - 0.9 ** (step + 1))
            spread = np.sqrt(square[name] / (1 - 0.999 ** (step + 1)))
            params[name] = params[name] - rate * ahead / (spread + 1e-8)
        if step % 100 == 0 or step == STEPS - 1:
            print(f"{step:5} {loss:.4f}")
    return params


order = random.permutation(len(digits.x))
held_out, kept = order[:359], order[359:]
params = started(16, 32, 64)
try:
    params = train(params, digits.x[kept], digits.target[kept])
except NotImplementedError as blank:
    print(blank)
accuracy = np.mean(lenet(digits.x[held_out], params)[0].argmax(axis=1) == digits.target[held_out])
print(f"{accuracy:.1%}")
