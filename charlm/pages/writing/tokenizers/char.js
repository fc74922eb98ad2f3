// One token for each character.
tokenizers["char"] = ({ characters }) => {
  const texts = [...characters], ids = new Map(texts.map((text, i) => [text, i + 3]));
  return {
    encode: (text) => [...text].map((each) => ({ id: ids.get(each) || 0, text: each })),
    decoder: () => (id) => texts[id - 3] || "",
    label: (id) => texts[id - 3],
  };
};
