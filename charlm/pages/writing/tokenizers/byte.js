// One token for each byte. A character appears with the last of its bytes.
tokenizers["byte"] = () => {
  const label = (id) => (id < 131 ? String.fromCharCode(id - 3)
    : `<0x${(id - 3).toString(16).toUpperCase().padStart(2, "0")}>`);
  return {
    encode: (text) => [...text].flatMap((each) => {
      const bytes = [...new TextEncoder().encode(each)];
      return bytes.map((byte, i) => ({ id: byte + 3, text: i === bytes.length - 1 ? each : "" }));
    }),
    decoder: () => {
      const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
      return (id) => (id > 2 ? utf8.decode(Uint8Array.of(id - 3), { stream: true }) : utf8.decode());
    },
    label,
  };
};
