"""A parsed HTML page."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The elements of a page in order, with their attributes, and the text of its <pre> elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)
        if tag == "pre":
            self.texts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, "every element is closed in its place"

    def handle_data(self, data: str) -> None:
        if "pre" in self.open:
            self.texts[-1] += data

    @property
    def tokens(self) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == "b" and "data-tip" in attributes]
