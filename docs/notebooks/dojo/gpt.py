# %% [en]
# # Backprop dojo: the micro-GPT
#
# A transformer that reads a story letter by letter: tied embedding, LayerNorm, attention, a loss over positions. Every forward pass is given, every backward pass is yours to write, in plain NumPy. Below each stands `check`: it compares your gradients with what moving every number shows, and names the mistake that you probably made. At the end the network trains with your backward.
#
# Run the cells from top to bottom. A backward that is still blank is told so, and the next cell can be run all the same.
# %% [zh-TW]
# # 反向傳播道場：微型 GPT
#
# 一個逐字讀故事的 transformer：共用的字母表、LayerNorm、注意力、所有位置的損失。前向傳遞都已寫好，反向傳遞全由你用純 NumPy 寫出。每一格下面都有 `check`：它把每個數字稍微移動，拿結果與你的梯度比較，並說出你大概犯了什麼錯。最後，網路用你寫的反向傳遞訓練。
#
# 由上往下執行各格。還沒寫的反向傳遞會明白告訴你，後面的格子仍可先跑。

# %%
import numpy as np

from clearprop import ClearpropError, check
from clearprop.teaching.experiments.ferry_story import ferry_story

random = np.random.default_rng(0)


def judge(*code, **backward):
    try:
        print(check(*code, **backward).text("en"))
    except ClearpropError as problem:
        print(problem.message("en"))


# %% [en]
# ## Linear
#
# $y = xW + b$ at every position; $x$ is (N, T, D). The gradients of $W$ and $b$ are sums over samples and positions.
# %% [zh-TW]
# ## 線性層
#
# 每個位置 $y = xW + b$；$x$ 是 (N, T, D)。$W$ 與 $b$ 的梯度是所有樣本與所有位置的總和。


# %%
def linear(x, W, b):
    return x @ W + b, (x, W)


def linear_backward(dy, cache):
    # blank: dx, dW, db
    x, W = cache
    rows, d_rows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return dy @ W.T, rows.T @ d_rows, d_rows.sum(axis=0)
    # end


x = random.normal(size=(2, 3, 4))
W, b = random.normal(size=(4, 5)), random.normal(size=5)
judge(linear, x, W, b, backward=linear_backward)

# %% [en]
# ## GELU
#
# $y = \frac{z}{2}(1 + \tanh u)$ with $u = \sqrt{2/\pi}\,(z + 0.044715 z^3)$. $z$ occurs twice: the product rule, and the chain rule in its second half.
# %% [zh-TW]
# ## GELU
#
# $y = \frac{z}{2}(1 + \tanh u)$，其中 $u = \sqrt{2/\pi}\,(z + 0.044715 z^3)$。$z$ 出現兩次：乘法法則，後一半再用連鎖律。


# %%
def gelu(z):
    return 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))), z


def gelu_backward(dy, z):
    # blank: dz
    bent = np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))
    slope = np.sqrt(2 / np.pi) * (1 + 3 * 0.044715 * z**2)
    return dy * (0.5 * (1 + bent) + 0.5 * z * (1 - bent**2) * slope)
    # end


judge(gelu, x, backward=gelu_backward)

# %% [en]
# ## LayerNorm
#
# At every position $\hat x = (x - \mu) / \sqrt{v + 10^{-5}}$ with the mean $\mu$ and the variance $v$ over the D features, $y = \gamma\hat x + \beta$. Moving one feature moves the mean and the variance of all of them: with $d = \gamma\,\partial y$, $\partial x = (d - \overline{d} - \hat x\,\overline{d\hat x}) / \sqrt{v + 10^{-5}}$. Derive it before you write it.
# %% [zh-TW]
# ## LayerNorm
#
# 每個位置 $\hat x = (x - \mu) / \sqrt{v + 10^{-5}}$，$\mu$ 與 $v$ 是 D 個特徵的平均與變異數，$y = \gamma\hat x + \beta$。移動一個特徵，會動到所有特徵的平均與變異數：令 $d = \gamma\,\partial y$，則 $\partial x = (d - \overline{d} - \hat x\,\overline{d\hat x}) / \sqrt{v + 10^{-5}}$。先推導，再寫。


# %%
def layer_norm(x, gamma, beta):
    centered = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5)
    return gamma * (centered / spread) + beta, (centered / spread, spread, gamma)


def layer_norm_backward(dy, cache):
    # blank: dx, dgamma, dbeta
    x_hat, spread, gamma = cache
    d = dy * gamma
    mean = d.mean(axis=-1, keepdims=True)
    along = (d * x_hat).mean(axis=-1, keepdims=True)
    dx = (d - mean - x_hat * along) / spread
    return dx, (dy * x_hat).sum(axis=(0, 1)), dy.sum(axis=(0, 1))
    # end


judge(layer_norm, x, random.normal(size=4), random.normal(size=4), backward=layer_norm_backward)

# %% [en]
# ## Attention
#
# $w = \mathrm{softmax}(qk^\top / \sqrt d)$ along each row, where a position sees itself and what is before it, and $y = wv$. $q$, $k$ and $v$ are (N, heads, T, d). Softmax takes from every entry of a row what the whole row gets: $\partial s = w \odot (\partial w - \sum_j w_j\,\partial w_j)$.
# %% [zh-TW]
# ## 注意力
#
# 每列 $w = \mathrm{softmax}(qk^\top / \sqrt d)$，一個位置只看得到自己與之前的位置，$y = wv$。$q$、$k$、$v$ 是 (N, heads, T, d)。softmax 從一列的每一格扣掉整列所得：$\partial s = w \odot (\partial w - \sum_j w_j\,\partial w_j)$。


# %%
def attention(q, k, v):
    scores = q @ k.swapaxes(-1, -2) / np.sqrt(q.shape[-1])
    scores = np.where(np.tri(q.shape[-2], dtype=bool), scores, -1e9)
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    w = powers / powers.sum(axis=-1, keepdims=True)
    return w @ v, (q, k, v, w)


def attention_backward(dy, cache):
    # blank: dq, dk, dv
    q, k, v, w = cache
    dw = dy @ v.swapaxes(-1, -2)
    ds = w * (dw - (dw * w).sum(axis=-1, keepdims=True)) / np.sqrt(q.shape[-1])
    return ds @ k, ds.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ dy
    # end


q, k, v = (random.normal(size=(2, 2, 4, 3)) for _ in range(3))
judge(attention, q, k, v, backward=attention_backward)

# %% [en]
# ## Heads
#
# One product makes $q$, $k$ and $v$ of all heads, which attend side by side; $M$ mixes what they found. `cut` makes (N, heads, T, d) of (N, T, heads·d), `merged` the way back: each is the other's backward.
# %% [zh-TW]
# ## 多頭
#
# 一個矩陣乘積做出所有頭的 $q$、$k$、$v$，各頭並排注意；$M$ 再把它們找到的混合起來。`cut` 把 (N, T, heads·d) 變成 (N, heads, T, d)，`merged` 則變回去：彼此就是對方的反向傳遞。


# %%
HEADS = 2


def cut(x):
    n, positions, features = x.shape
    return x.reshape(n, positions, HEADS, features // HEADS).transpose(0, 2, 1, 3)


def merged(x):
    n, heads, positions, size = x.shape
    return x.transpose(0, 2, 1, 3).reshape(n, positions, heads * size)


def heads(x, W, b, M, m):
    qkv, c1 = linear(x, W, b)
    found, c2 = attention(*(cut(one) for one in np.split(qkv, 3, axis=-1)))
    y, c3 = linear(merged(found), M, m)
    return y, (c1, c2, c3)


def heads_backward(dy, cache):
    # blank: dx, dW, db, dM, dm
    c1, c2, c3 = cache
    d_merged, dM, dm = linear_backward(dy, c3)
    dqkv = attention_backward(cut(d_merged), c2)
    dx, dW, db = linear_backward(np.concatenate([merged(one) for one in dqkv], axis=-1), c1)
    return dx, dW, db, dM, dm
    # end


W, b = random.normal(size=(4, 12)), random.normal(size=12)
M, m = random.normal(size=(4, 4)), random.normal(size=4)
judge(heads, x, W, b, M, m, backward=heads_backward)

# %% [en]
# ## A block
#
# $x_1 = x + \mathrm{heads}(\mathrm{norm}(x))$ and $y = x_1 + \mathrm{linear}(\mathrm{gelu}(\mathrm{linear}(\mathrm{norm}(x_1))))$. At every sum the gradient goes both ways, and what comes back on both is added. `params` has the arrays of a block: g1, h1 (the first norm), W, b, M, m, g2, h2, A, a, B, c.
# %% [zh-TW]
# ## 一個區塊
#
# $x_1 = x + \mathrm{heads}(\mathrm{norm}(x))$，$y = x_1 + \mathrm{linear}(\mathrm{gelu}(\mathrm{linear}(\mathrm{norm}(x_1))))$。每遇到加號，梯度走兩條路，兩條路回來的再相加。`params` 是一個區塊的陣列：g1、h1（第一個 norm）、W、b、M、m、g2、h2、A、a、B、c。


# %%
def block(x, params):
    n1, c1 = layer_norm(x, params["g1"], params["h1"])
    found, c2 = heads(n1, params["W"], params["b"], params["M"], params["m"])
    x1 = x + found
    n2, c3 = layer_norm(x1, params["g2"], params["h2"])
    z, c4 = linear(n2, params["A"], params["a"])
    bent, c5 = gelu(z)
    out, c6 = linear(bent, params["B"], params["c"])
    return x1 + out, (c1, c2, c3, c4, c5, c6)


def block_backward(dy, cache):
    # blank: dx, {"g1": …, "h1": …, "W": …, "b": …, "M": …, "m": …, "g2": …, "h2": …, "A": …, …}
    c1, c2, c3, c4, c5, c6 = cache
    d_bent, dB, dc = linear_backward(dy, c6)
    dn2, dA, da = linear_backward(gelu_backward(d_bent, c5), c4)
    d_way, dg2, dh2 = layer_norm_backward(dn2, c3)
    dx1 = dy + d_way
    dn1, dW, db, dM, dm = heads_backward(dx1, c2)
    d_way, dg1, dh1 = layer_norm_backward(dn1, c1)
    first = {"g1": dg1, "h1": dh1, "W": dW, "b": db, "M": dM, "m": dm}
    return dx1 + d_way, first | {"g2": dg2, "h2": dh2, "A": dA, "a": da, "B": dB, "c": dc}
    # end


def started_block(size):
    shapes = {
        "W": (size, 3 * size),
        "M": (size, size),
        "A": (size, 4 * size),
        "B": (4 * size, size),
    }
    matrices = {
        name: random.normal(size=shape) / np.sqrt(shape[0]) for name, shape in shapes.items()
    }
    biases = {
        bias: 0.1 * random.normal(size=shapes[name][1])
        for bias, name in (("b", "W"), ("m", "M"), ("a", "A"), ("c", "B"))
    }
    norms = {name: 1 + 0.1 * random.normal(size=size) for name in ("g1", "g2")}
    shifts = {name: 0.1 * random.normal(size=size) for name in ("h1", "h2")}
    return matrices | biases | norms | shifts


judge(block, x, started_block(4), backward=block_backward)

# %% [en]
# ## Tied embedding
#
# The table $E$ (letters, D) reads and writes: $x = E_{ids} + P$, and behind the blocks $y = xE^\top$. Here nothing stands between the two but a tanh, $y = \tanh(E_{ids} + P)\,E^\top$. $E$ gets a gradient on both ways, and a letter that occurs more than once those of all its places: everything is added.
# %% [zh-TW]
# ## 共用的字母表
#
# 表 $E$（字母數, D）既讀又寫：$x = E_{ids} + P$，區塊之後 $y = xE^\top$。這裡兩者之間只有一個 tanh，$y = \tanh(E_{ids} + P)\,E^\top$。$E$ 從兩條路都得到梯度，出現不只一次的字母得到各處的梯度：全部相加。


# %%
def tied(E, P, ids):
    bent = np.tanh(E[ids] + P[: ids.shape[1]])
    return bent @ E.T, (E, P, ids, bent)


def read_backward(dx, E, P, ids):
    # blank: dE, dP
    dE, dP = np.zeros_like(E), np.zeros_like(P)
    np.add.at(dE, ids, dx)
    dP[: ids.shape[1]] = dx.sum(axis=0)
    return dE, dP
    # end


def write_backward(dy, x, E):
    # blank: dx, dE
    return dy @ E, np.einsum("ntv,ntd->vd", dy, x)
    # end


def tied_backward(dy, cache):
    # blank: dE, dP
    E, P, ids, bent = cache
    d_bent, dE_written = write_backward(dy, bent, E)
    dE_read, dP = read_backward(d_bent * (1 - bent**2), E, P, ids)
    return dE_read + dE_written, dP
    # end


def read(E, P, ids):
    return E[ids] + P[: ids.shape[1]]


def write(x, E):
    return x @ E.T


ids = np.array([[1, 0, 1], [2, 1, 3]])
E, P = random.normal(size=(5, 4)), random.normal(size=(3, 4))
judge(read, E, P, ids, backward=read_backward)
judge(write, x, E, backward=write_backward)
judge(tied, E, P, ids, backward=tied_backward)

# %% [en]
# ## The loss over positions
#
# Softmax and cross-entropy at every position, averaged over all samples and positions.
# %% [zh-TW]
# ## 所有位置的損失
#
# 每個位置做 softmax 與交叉熵，對所有樣本與位置取平均。


# %%
def cross_entropy(y, t):
    powers = np.exp(y - y.max(axis=-1, keepdims=True))
    p = powers / powers.sum(axis=-1, keepdims=True)
    return -np.mean(np.log(np.take_along_axis(p, t[..., None], axis=-1))), (p, t)


def cross_entropy_backward(dL, cache):
    # blank: dy
    p, t = cache
    told = np.arange(p.shape[-1]) == t[..., None]
    return dL * (p - told) / t.size
    # end


judge(cross_entropy, random.normal(size=(2, 3, 4)), ids, backward=cross_entropy_backward)

# %% [en]
# ## The whole network
#
# Reading, two blocks, a norm, writing. Return one dictionary of gradients by the parameters' names; those of a block have its number in front: `0.W`.
# %% [zh-TW]
# ## 整個網路
#
# 讀、兩個區塊、一個 norm、寫。傳回一個字典，以參數的名字存放梯度；區塊的參數前面有它的號碼：`0.W`。

# %%
BLOCKS = 2


def part(params, index):
    return {name[2:]: one for name, one in params.items() if name.startswith(f"{index}.")}


def gpt(ids, params):
    x = read(params["E"], params["places"], ids)
    saved = []
    for index in range(BLOCKS):
        x, cache = block(x, part(params, index))
        saved.append(cache)
    normed, last = layer_norm(x, params["gamma"], params["beta"])
    return write(normed, params["E"]), (saved, last, normed, ids, params["E"], params["places"])


def gpt_backward(dy, cache):
    # blank: {"E": …, "places": …, "gamma": …, "beta": …, "0.g1": …, …, "1.c": …}
    saved, last, normed, ids, E, P = cache
    gradients = {}
    d_normed, dE_written = write_backward(dy, normed, E)
    dx, gradients["gamma"], gradients["beta"] = layer_norm_backward(d_normed, last)
    for index in reversed(range(BLOCKS)):
        dx, found = block_backward(dx, saved[index])
        gradients |= {f"{index}.{name}": one for name, one in found.items()}
    dE_read, gradients["places"] = read_backward(dx, E, P, ids)
    gradients["E"] = dE_read + dE_written
    return gradients
    # end


def started(letters, positions, size):
    params = {"E": 0.1 * random.normal(size=(letters, size))}
    params["places"] = 0.1 * random.normal(size=(positions, size))
    params["gamma"], params["beta"] = (
        1 + 0.1 * random.normal(size=size),
        0.1 * random.normal(size=size),
    )
    for index in range(BLOCKS):
        params |= {f"{index}.{name}": one for name, one in started_block(size).items()}
    return params


judge(gpt, ids, started(5, 3, 4), backward=gpt_backward)

# %% [en]
# ## Training
#
# Adam, and the gradient is yours alone: four heads, 64 features, 64 positions, about 107,000 parameters. What is printed is the loss: guessing costs about 3.9, and then the network writes.
# %% [zh-TW]
# ## 訓練
#
# 用 Adam，梯度完全來自你的程式：四個頭、64 個特徵、64 個位置，約 107,000 個參數。印出的是損失：瞎猜大約是 3.9。最後由網路自己寫字。

# %%
STEPS = 200
HEADS, BATCH, POSITIONS, RATE = 4, 16, 64, 2e-3
story = ferry_story()
known = sorted(set(story))
numbers = np.array([known.index(letter) for letter in story])


def train(params):
    mean = {name: np.zeros_like(one) for name, one in params.items()}
    square = {name: np.zeros_like(one) for name, one in params.items()}
    losses = []
    for step in range(STEPS):
        starts = random.integers(len(numbers) - POSITIONS, size=BATCH)
        pieces = numbers[starts[:, None] + np.arange(POSITIONS + 1)]
        y, cache = gpt(pieces[:, :-1], params)
        loss, saved = cross_entropy(y, pieces[:, 1:])
        gradients = gpt_backward(cross_entropy_backward(1.0, saved), cache)
        for name, gradient in gradients.items():
            mean[name] += 0.1 * (gradient - mean[name])
            square[name] += 0.01 * (gradient**2 - square[name])
            ahead = mean[name] / (1 - 0.9 ** (step + 1))
            spread = np.sqrt(square[name] / (1 - 0.99 ** (step + 1)))
            params[name] = params[name] - RATE * ahead / (spread + 1e-8)
        losses.append(loss)
        if step % 50 == 0 or step == STEPS - 1:
            print(f"{step:5} {loss:.4f}")
    return params, losses


params, losses = started(len(known), POSITIONS, 64), []
try:
    params, losses = train(params)
except NotImplementedError as blank:
    print(blank)

# %%
WRITTEN = 200
written = [known.index(letter) for letter in "The ferryman"]
for _ in range(WRITTEN):
    y = gpt(np.array([written[-POSITIONS:]]), params)[0][0, -1]
    powers = np.exp(y - y.max())
    written.append(int(random.choice(len(known), p=powers / powers.sum())))
print("".join(known[one] for one in written))
