# %% [en]
# # Backprop dojo: the letters
#
# An LSTM that reads a story letter by letter and says which letter comes next. Every forward pass is given, every backward pass is yours to write, in plain NumPy. Below each stands `check`: it compares your gradients with what moving every number shows, and names the mistake that you probably made. At the end the network trains with your backward.
#
# Run the cells from top to bottom. A backward that is still blank is told so, and the next cell can be run all the same.
# %% [zh-TW]
# # 反向傳播道場：字母
#
# 一個逐字讀故事、說出下一個字母的 LSTM。前向傳遞都已寫好，反向傳遞全由你用純 NumPy 寫出。每一格下面都有 `check`：它把每個數字稍微移動，拿結果與你的梯度比較，並說出你大概犯了什麼錯。最後，網路用你寫的反向傳遞訓練。
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
# ## The gates of one time
#
# $z$ (N, 4·H) has four parts side by side: $i = \sigma(z_i)$, $f = \sigma(z_f)$, $g = \tanh(z_g)$, $o = \sigma(z_o)$. Only the slopes are asked for here: $\sigma' = \sigma(1 - \sigma)$ and $\tanh' = 1 - \tanh^2$.
# %% [zh-TW]
# ## 一個時刻的閘門
#
# $z$ (N, 4·H) 並排著四個部分：$i = \sigma(z_i)$、$f = \sigma(z_f)$、$g = \tanh(z_g)$、$o = \sigma(z_o)$。這裡只要斜率：$\sigma' = \sigma(1 - \sigma)$，$\tanh' = 1 - \tanh^2$。


# %%
def gates(z):
    i, f, g, o = np.split(z, 4, axis=1)
    i, f, o = (1 / (1 + np.exp(-one)) for one in (i, f, o))
    a = np.concatenate([i, f, np.tanh(g), o], axis=1)
    return a, a


def gates_backward(da, a):
    # blank: dz
    i, f, g, o = np.split(a, 4, axis=1)
    slopes = [i * (1 - i), f * (1 - f), 1 - g**2, o * (1 - o)]
    return da * np.concatenate(slopes, axis=1)
    # end


judge(gates, random.normal(size=(3, 8)), backward=gates_backward)

# %% [en]
# ## The cell
#
# $c' = f \odot c + i \odot g$ and $h' = o \odot \tanh(c')$, put out side by side. Two gradients reach $c'$: the one that comes from later times, and the one through $h'$. `a` is (N, 4·H) as above.
# %% [zh-TW]
# ## 細胞
#
# $c' = f \odot c + i \odot g$，$h' = o \odot \tanh(c')$，兩者並排輸出。有兩份梯度到達 $c'$：一份來自之後的時刻，一份經由 $h'$ 而來。`a` 是上面的 (N, 4·H)。


# %%
def cell(a, c):
    i, f, g, o = np.split(a, 4, axis=1)
    c_next = f * c + i * g
    h_next = o * np.tanh(c_next)
    return np.concatenate([h_next, c_next], axis=1), (a, c, c_next)


def cell_backward(dy, cache):
    # blank: da, dc
    a, c, c_next = cache
    i, f, g, o = np.split(a, 4, axis=1)
    dh, dc_next = np.split(dy, 2, axis=1)
    bent = np.tanh(c_next)
    dc_next = dc_next + dh * o * (1 - bent**2)
    da = np.concatenate([dc_next * g, dc_next * c, dc_next * i, dh * bent], axis=1)
    return da, dc_next * f
    # end


judge(cell, random.normal(size=(3, 8)), random.normal(size=(3, 2)), backward=cell_backward)

# %% [en]
# ## Through time
#
# At every time $z_t = x_t W + h_{t-1} U + b$, then the gates and the cell. $x$ is (N, T, D), the output has all states $h_1 \dots h_T$, (N, T, H); $h_0 = c_0 = 0$.
#
# Go backward from the last time to the first. What reaches $h_t$ is what comes from the output at $t$ and what comes from time $t + 1$; the gradients of $W$, $U$ and $b$ are sums over all times.
# %% [zh-TW]
# ## 沿著時間
#
# 每個時刻 $z_t = x_t W + h_{t-1} U + b$，接著是閘門與細胞。$x$ 是 (N, T, D)，輸出是所有狀態 $h_1 \dots h_T$，(N, T, H)；$h_0 = c_0 = 0$。
#
# 從最後一個時刻倒著走到第一個。到達 $h_t$ 的梯度，有從時刻 $t$ 的輸出來的，也有從時刻 $t + 1$ 來的；$W$、$U$、$b$ 的梯度是所有時刻的總和。


# %%
def lstm(x, W, U, b):
    n, times, _ = x.shape
    units = len(U)
    h, c = np.zeros((n, units), x.dtype), np.zeros((n, units), x.dtype)
    hs, steps = [], []
    for t in range(times):
        a, kept = gates(x[:, t] @ W + h @ U + b)
        y, saved = cell(a, c)
        steps.append((h, kept, saved))
        h, c = np.split(y, 2, axis=1)
        hs.append(h)
    return np.stack(hs, axis=1), (x, W, U, steps)


def lstm_backward(dy, cache):
    # blank: dx, dW, dU, db
    x, W, U, steps = cache
    n, times, _ = x.shape
    dx, dW, dU, db = np.zeros_like(x), np.zeros_like(W), np.zeros_like(U), np.zeros(U.shape[1])
    dh, dc = np.zeros((n, len(U))), np.zeros((n, len(U)))
    for t in reversed(range(times)):
        h, kept, saved = steps[t]
        da, dc = cell_backward(np.concatenate([dy[:, t] + dh, dc], axis=1), saved)
        dz = gates_backward(da, kept)
        dW += x[:, t].T @ dz
        dU += h.T @ dz
        db += dz.sum(axis=0)
        dx[:, t] = dz @ W.T
        dh = dz @ U.T
    return dx, dW, dU, db
    # end


x = random.normal(size=(3, 4, 2))
W, U, b = random.normal(size=(2, 12)), random.normal(size=(3, 12)), random.normal(size=12)
judge(lstm, x, W, U, b, backward=lstm_backward)

# %% [en]
# ## The table of letters
#
# A letter's number picks its row of the table $E$. A letter that occurs more than once gets the gradients of all its places, added up. Of numbers there is no gradient: return that of $E$ alone.
# %% [zh-TW]
# ## 字母表
#
# 字母的編號從表 $E$ 挑出一列。出現不只一次的字母，要把各處的梯度加起來。編號本身沒有梯度：只傳回 $E$ 的。


# %%
def embedding(E, ids):
    return E[ids], (E, ids)


def embedding_backward(dy, cache):
    # blank: dE
    E, ids = cache
    dE = np.zeros_like(E)
    np.add.at(dE, ids, dy)
    return dE
    # end


ids = np.array([[1, 0, 1], [2, 1, 3]])
judge(embedding, random.normal(size=(4, 3)), ids, backward=embedding_backward)

# %% [en]
# ## The head
#
# $y = hV + b$ at every time: the gradients of $V$ and $b$ are sums over samples and times. $h$ is (N, T, H).
# %% [zh-TW]
# ## 輸出層
#
# 每個時刻 $y = hV + b$：$V$ 與 $b$ 的梯度是所有樣本與所有時刻的總和。$h$ 是 (N, T, H)。


# %%
def head(h, V, b):
    return h @ V + b, (h, V)


def head_backward(dy, cache):
    # blank: dh, dV, db
    h, V = cache
    rows, d_rows = h.reshape(-1, h.shape[-1]), dy.reshape(-1, dy.shape[-1])
    return dy @ V.T, rows.T @ d_rows, d_rows.sum(axis=0)
    # end


V, b = random.normal(size=(3, 5)), random.normal(size=5)
judge(head, random.normal(size=(2, 4, 3)), V, b, backward=head_backward)

# %% [en]
# ## The loss over times
#
# Softmax and cross-entropy at every time, averaged over all samples and times.
# %% [zh-TW]
# ## 所有時刻的損失
#
# 每個時刻做 softmax 與交叉熵，對所有樣本與時刻取平均。


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
# Table, LSTM, head. Your backward passes in the reverse order; return a dictionary of gradients by the parameters' names.
# %% [zh-TW]
# ## 整個網路
#
# 字母表、LSTM、輸出層。把你的反向傳遞倒著接起來；傳回一個字典，以參數的名字存放梯度。


# %%
def network(ids, params):
    x, c1 = embedding(params["E"], ids)
    h, c2 = lstm(x, params["W"], params["U"], params["b"])
    y, c3 = head(h, params["V"], params["c"])
    return y, (c1, c2, c3)


def network_backward(dy, cache):
    # blank: {"E": …, "W": …, "U": …, "b": …, "V": …, "c": …}
    c1, c2, c3 = cache
    dh, dV, dc = head_backward(dy, c3)
    dx, dW, dU, db = lstm_backward(dh, c2)
    dE = embedding_backward(dx, c1)
    return {"E": dE, "W": dW, "U": dU, "b": db, "V": dV, "c": dc}
    # end


def started(letters, features, units):
    shapes = {
        "E": (letters, features),
        "W": (features, 4 * units),
        "U": (units, 4 * units),
        "b": (4 * units,),
        "V": (units, letters),
        "c": (letters,),
    }
    return {
        name: random.uniform(-1, 1, size=shape) / np.sqrt(units) for name, shape in shapes.items()
    }


judge(network, ids, started(4, 2, 3), backward=network_backward)

# %% [en]
# ## Training
#
# Adam, and the gradient is yours alone, held to a length of 1 so that no step runs away. What is printed is the loss: guessing costs about 3.9, and then the network writes.
# %% [zh-TW]
# ## 訓練
#
# 用 Adam，梯度完全來自你的程式，長度限制在 1 以內，才不會有一步衝得太遠。印出的是損失：瞎猜大約是 3.9。最後由網路自己寫字。

# %%
STEPS = 400
BATCH, TIMES, RATE = 16, 32, 1e-2
story = ferry_story()
known = sorted(set(story))
numbers = np.array([known.index(letter) for letter in story])


def train(params):
    mean = {name: np.zeros_like(one) for name, one in params.items()}
    square = {name: np.zeros_like(one) for name, one in params.items()}
    losses = []
    for step in range(STEPS):
        starts = random.integers(len(numbers) - TIMES, size=BATCH)
        pieces = numbers[starts[:, None] + np.arange(TIMES + 1)]
        y, cache = network(pieces[:, :-1], params)
        loss, saved = cross_entropy(y, pieces[:, 1:])
        gradients = network_backward(cross_entropy_backward(1.0, saved), cache)
        length = np.sqrt(sum(np.sum(one**2) for one in gradients.values()))
        for name, gradient in gradients.items():
            held = gradient / max(1.0, length)
            mean[name] += 0.1 * (held - mean[name])
            square[name] += 0.001 * (held**2 - square[name])
            ahead = mean[name] / (1 - 0.9 ** (step + 1))
            spread = np.sqrt(square[name] / (1 - 0.999 ** (step + 1)))
            params[name] = params[name] - RATE * ahead / (spread + 1e-8)
        losses.append(loss)
        if step % 50 == 0 or step == STEPS - 1:
            print(f"{step:5} {loss:.4f}")
    return params, losses


params, losses = started(len(known), 32, 64), []
try:
    params, losses = train(params)
except NotImplementedError as blank:
    print(blank)

# %%
WRITTEN = 200
written = [known.index(letter) for letter in "The ferryman"]
for _ in range(WRITTEN):
    y = network(np.array([written[-TIMES:]]), params)[0][0, -1]
    powers = np.exp(y - y.max())
    written.append(int(random.choice(len(known), p=powers / powers.sum())))
print("".join(known[one] for one in written))
