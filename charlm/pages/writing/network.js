// The network: embedding, cells, dense layers, readout. Its numbers are those of charlm, to rounding.
// A cell is one function in cells/; V is the size of the vocabulary, H the hidden width, G = gates · H.

const cells = {}, readouts = {}, tokenizers = {};

const sigmoid = (a) => 1 / (1 + Math.exp(-a));
const activations = { tanh: Math.tanh, relu: (a) => Math.max(a, 0), sigmoid, identity: (a) => a };

// out = bias + matrix · x. Eight rows at once: each number of x is loaded once for all of them.
function multiply(matrix, x, bias, out) {
  const rows = out.length, columns = x.length;
  let r = 0;
  for (; r + 7 < rows; r += 8) {
    let a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0;
    const A = r * columns, B = A + columns, C = B + columns, D = C + columns;
    const E = D + columns, F = E + columns, I = F + columns, J = I + columns;
    for (let n = 0; n < columns; n++) {
      const v = x[n];
      a += matrix[A + n] * v; b += matrix[B + n] * v; c += matrix[C + n] * v; d += matrix[D + n] * v;
      e += matrix[E + n] * v; f += matrix[F + n] * v; g += matrix[I + n] * v; h += matrix[J + n] * v;
    }
    out[r] = a; out[r + 1] = b; out[r + 2] = c; out[r + 3] = d;
    out[r + 4] = e; out[r + 5] = f; out[r + 6] = g; out[r + 7] = h;
  }
  for (; r < rows; r++) {
    let a = 0;
    for (let n = 0, i = r * columns; n < columns; n++) a += matrix[i + n] * x[n];
    out[r] = a;
  }
  if (bias) for (r = 0; r < rows; r++) out[r] += bias[r];
  return out;
}

// log P of each token, from logits; the logits of tokens that cannot occur are -Infinity.
function logSoftmax(logits, out = new Float64Array(logits.length)) {
  let most = -Infinity, sum = 0;
  for (const each of logits) if (each > most) most = each;
  for (const each of logits) sum += Math.exp(each - most);
  const log = most + Math.log(sum);
  for (let i = 0; i < logits.length; i++) out[i] = logits[i] - log;
  return out;
}

// The probabilities in place of logits.
function softmax(logits) {
  logSoftmax(logits).forEach((each, i) => { logits[i] = Math.exp(each); });
}

// The tensors by name, from base64. A matrix of int8 has a scale for each row.
function readTensors(described, base64) {
  const text = atob(base64), bytes = new Uint8Array(text.length), tensors = {};
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const types = { F32: Float32Array, I8: Int8Array, BOOL: Uint8Array, I32: Int32Array };
  for (const [name, { type, shape, start, end }] of Object.entries(described)) {
    const numbers = new types[type](bytes.buffer.slice(start, end));
    tensors[name] = { shape, numbers };
  }
  for (const [name, each] of Object.entries(tensors)) {
    const scales = tensors[`${name}.scales`];
    if (!scales) continue;
    const columns = each.shape[1];
    each.numbers = Float32Array.from(each.numbers, (number, i) => number * scales.numbers[Math.floor(i / columns)]);
  }
  return tensors;
}

class Network {
  constructor(config, tensors) {
    const numbers = (name) => tensors[name] && tensors[name].numbers;
    this.config = config;
    this.size = config.size;
    this.cell = cells[config.cell];
    this.layers = Array.from({ length: config.layers }, (_, number) => {
      const part = (name) => numbers(`cells.${number}.${name}`);
      const projected = new Float32Array(part("bias_ih").length), feedsBack = this.cell.feedsBack;
      return {
        h: new Float32Array(config.hidden), W: part("readout.weight"), b: part("readout.bias"),
        width: feedsBack && number === config.layers - 1 ? config.size : config.hidden, // of the state
        H: config.hidden, Wx: part("weight_ih"), bx: part("bias_ih"), Wh: part("weight_hh"), bh: part("bias_hh"),
        g: activations[config.activation || "tanh"], projected,
        product: new Float32Array(projected.length), out: new Float32Array(config.hidden),
      };
    });
    this.embedding = tensors["embedding.weight"];
    this.inputs = new Array(config.size);
    this.dense = [];
    while (numbers(`dense.${this.dense.length}.weight`)) {
      const name = `dense.${this.dense.length}`;
      this.dense.push({ W: numbers(`${name}.weight`), b: numbers(`${name}.bias`), out: new Float32Array(config.hidden) });
    }
    const allowed = numbers("predictable");
    this.readout = readouts[config.readout]({ numbers, allowed, size: config.size, tied: config.tied });
    this.logits = new Float32Array(config.size);
  }

  // W_x x + b for a token (G,), which is all that the first layer reads. It is computed once for each token.
  input(token) {
    if (this.inputs[token]) return this.inputs[token];
    const { Wx, bx } = this.layers[0], row = new Float32Array(bx.length);
    if (this.embedding) {
      const width = this.embedding.shape[1], scale = this.config.scale;
      const x = this.embedding.numbers.subarray(token * width, (token + 1) * width).map((each) => each * scale);
      multiply(Wx, x, bx, row);
    } else {
      for (let i = 0; i < row.length; i++) row[i] = Wx[i * this.size + token] + bx[i];
    }
    return (this.inputs[token] = row);
  }

  start() {
    return this.layers.map(({ width }) => Array.from({ length: this.cell.parts || 1 }, () => new Float32Array(width)));
  }

  // Read a token: change the state, and return the logits of the next token, in an array that is used again.
  step(state, token) {
    let x = null;
    this.layers.forEach((layer, number) => {
      const projected = number ? multiply(layer.Wx, x, layer.bx, layer.projected) : this.input(token);
      this.cell.step(projected, layer, state[number]);
      const h = this.cell.feedsBack ? layer.h : state[number][0];
      for (let i = 0; i < layer.H; i++) layer.out[i] = number && this.config.residual ? x[i] + h[i] : h[i];
      x = layer.out;
      if (layer.W) softmax(multiply(layer.W, x, layer.b, state[number][0]));
    });
    for (const { W, b, out } of this.dense) {
      multiply(W, x, b, out);
      for (let i = 0; i < out.length; i++) out[i] = Math.tanh(out[i]);
      x = out;
    }
    this.readout(x, this.logits);
    if (this.cell.feedsBack) { // in the last layer, the distribution of the network itself
      state.at(-1)[0].set(this.logits);
      softmax(state.at(-1)[0]);
    }
    return this.logits;
  }
}

const copyState = (state) => state.map((layer) => layer.map((part) => part.slice()));
