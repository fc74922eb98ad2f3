// Pieces of words, cut as sentencepiece cuts them; a character without a piece is spelled by its bytes.
// Chunks are cut separately: see charlm/tokenizers/sentencepiece/chunks.py.
tokenizers["subword"] = ({ model_type: type, pieces, scores }) => {
  const ids = new Map(), bytes = [], longest = 1024, utf8 = new TextEncoder();
  let widest = 1, least = Infinity; // characters of a piece; score
  pieces.forEach((piece, i) => {
    if (typeof piece === "number") bytes[piece] = i + 3;
    else {
      ids.set(piece, i + 3);
      widest = Math.max(widest, [...piece].length);
      least = Math.min(least, Math.fround(scores[i]));
    }
  });
  const score = (id) => Math.fround(scores[id - 3]), unknown = Math.fround(least - 10);
  const withheld = /([\u0000-\u001f\u007f\u2581\u2585\ud800-\udfff])/u;
  const chunk = new RegExp(`.{1,${longest}}(?<! )(?= )|.{1,${longest}}`, "suy");

  const spelled = (character) => {
    if (/[\ud800-\udfff]/u.test(character)) return [{ id: 0, text: character }];
    const parts = [...utf8.encode(character)];
    return parts.map((byte, i) => ({ id: bytes[byte], text: i === parts.length - 1 ? character : "" }));
  };
  const token = (text) => (ids.has(text) ? [{ id: ids.get(text), text }] : [...text].flatMap(spelled));

  // The cut with the highest sum of scores (Viterbi), in the precision of sentencepiece.
  function unigram(characters) {
    const best = [{ sum: 0, from: 0 }];
    for (let start = 0; start < characters.length; start++) {
      const offer = (end, value) => {
        const sum = Math.fround(best[start].sum + value);
        if (!best[end] || sum > best[end].sum) best[end] = { sum, from: start };
      };
      let text = "", alone = false;
      for (let end = start + 1; end <= Math.min(characters.length, start + widest); end++) {
        text += characters[end - 1];
        if (!ids.has(text)) continue;
        offer(end, score(ids.get(text)));
        alone ||= end === start + 1;
      }
      if (!alone) offer(start + 1, unknown);
    }
    const texts = [];
    for (let end = characters.length; end > 0; end = best[end].from) {
      texts.unshift(characters.slice(best[end].from, end).join(""));
    }
    return texts;
  }

  // Neighbors are merged, the pair with the highest score first.
  function bpe(texts) {
    const merged = (i) => (i + 1 < texts.length && ids.has(texts[i] + texts[i + 1])
      ? score(ids.get(texts[i] + texts[i + 1])) : -Infinity);
    const values = texts.map((_, i) => merged(i));
    for (;;) {
      let most = 0;
      for (let i = 1; i < texts.length; i++) if (values[i] > values[most]) most = i;
      if (!(values[most] > -Infinity)) return texts;
      texts.splice(most, 2, texts[most] + texts[most + 1]);
      values.splice(most, 1);
      values[most] = merged(most);
      if (most) values[most - 1] = merged(most - 1);
    }
  }

  function chunks(text) {
    const parts = [];
    let rest = text;
    while ([...rest].length > longest) {
      chunk.lastIndex = 0;
      parts.push(chunk.exec(rest)[0]);
      rest = rest.slice(parts.at(-1).length);
    }
    return [...parts, rest];
  }

  const content = (id) => (typeof pieces[id - 3] === "number" ? Uint8Array.of(pieces[id - 3]) : utf8.encode(pieces[id - 3]));
  return {
    encode: (text) => text.split(withheld).flatMap((part, i) => (i % 2 ? spelled(part) : chunks(part).flatMap((each) => {
      const characters = [...each];
      return (type === "bpe" ? bpe(characters) : unigram(characters)).flatMap(token);
    }))),
    decoder: () => {
      const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      return (id) => (id > 2 ? decoder.decode(content(id), { stream: true }) : decoder.decode());
    },
    label: (id) => {
      const piece = pieces[id - 3];
      if (typeof piece !== "number") return piece;
      return piece < 128 ? String.fromCharCode(piece) : `<0x${piece.toString(16).toUpperCase().padStart(2, "0")}>`;
    },
  };
};
