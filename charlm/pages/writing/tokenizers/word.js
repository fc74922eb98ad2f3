// Words, runs of spaces, and signs. A word without a token is spelled, or unknown in a closed vocabulary.
// `letters` are the first and last code points of the ranges of letters that make words.
tokenizers["word"] = ({ words, closed, letters }) => {
  const ids = new Map(words.map((text, i) => [text, i + 3]));
  const point = (code) => `\\u{${code.toString(16)}}`;
  let letter = "";
  for (let i = 0; i < letters.length; i += 2) letter += `${point(letters[i])}-${point(letters[i + 1])}`;
  letter = `[${letter}]`;
  const unit = new RegExp(`${letter}{1,48}(?:['\u2019]${letter}{1,15})?| {1,64}|\\n{1,64}|\\t{1,64}|.`, "gsu");
  const begins = new RegExp(`^${letter}`, "u");
  const spelled = (word) => (closed && begins.test(word) ? [{ id: 0, text: word }]
    : [...word].map((text) => ({ id: ids.get(text) || 0, text })));
  return {
    encode: (text) => (text.match(unit) || []).flatMap((word) => (ids.has(word) ? [{ id: ids.get(word), text: word }]
      : spelled(word))),
    decoder: () => (id) => words[id - 3] || "",
    label: (id) => words[id - 3],
  };
};
