"""html: a page with the network in it, which writes and scores text in a browser, offline."""

from charlm.exports import Export, Exported
from charlm.files.atomic import write_atomic
from charlm.pages.writing_page import page


class Page(Export):
    roundings = ("float32", "int8")

    def write(self) -> Exported:
        model = self.language_model
        notes, values = self.loss()
        data = page(model, self.rounding, *notes).encode(errors="backslashreplace")
        write_atomic(self.output, data)
        size = f"the page has {len(data):,} bytes, loads nothing, and works offline"
        return Exported((self.output,), (size, *notes), values)
