// A logit for each token. With tied weights, the matrix is the table of the embedding.
readouts["dense"] = ({ numbers, allowed, tied }) => {
  const W = numbers(tied ? "embedding.weight" : "readout.weight"), b = numbers("readout.bias");
  const bias = b.map((each, i) => (allowed[i] ? each : -Infinity));
  return (x, logits) => multiply(W, x, bias, logits);
};
