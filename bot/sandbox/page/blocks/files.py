"""The `file_input` element: files from the computer, by button or by drag and drop, or the sandbox's sample."""

from bot.sandbox.page.markup import Keyed, button, icon, tag
from bot.sandbox.page.sample import SAMPLE, SAMPLE_NAME
from bot.sandbox.page.surface import Surface
from bot.sandbox.page.uploads import Picker, size
from bot.sandbox.slack import File
from bot.sandbox.slack.records import Json

Given = File | tuple[str, bytes]


def draw_file_input(element: Json, block: Json, surface: Surface) -> None:
    """Where to drop files, and what is there already."""
    most = int(element.get("max_files", 10))
    with tag("div", classes="file-input") as zone:
        chosen = tag("ul", classes="file-list", aria_label="Chosen files")
        with tag("div", classes="file-ways"):
            add = button("Add a file" if most == 1 else "Add files", symbol="upload_file")
            sample = button(f"Use the sample {SAMPLE_NAME}", "btn-link")
            tag("span", "or drop it here", "file-drop-words")

    async def give(files: list[Given]) -> None:
        held: list[Given] = [*surface.files(block, element)]
        # A form for one file takes the newest.
        await surface.put(block, element, files[-1:] if most == 1 else [*held, *files])
        show()

    async def take_away(file: File) -> None:
        await surface.put(block, element, [each for each in surface.files(block, element) if each is not file])
        show()

    def draw(file: File) -> None:
        with tag("div", classes="file-chip"):
            icon("description")
            tag("span", file.name, "file-name")
            tag("span", size(file.size), "file-size")
            button(
                symbol="close", classes="btn-icon", aria_label=f"Remove {file.name}",
                on_click=lambda: take_away(file),
            )  # fmt: skip

    rows: Keyed[File] = Keyed(chosen, draw, name="li")

    def show() -> None:
        rows.show([(file.id, file.id, file) for file in surface.files(block, element)])

    picker = Picker(zone, give, multiple=most > 1)
    picker.opens_from(add)
    sample.on("click", lambda: give([(SAMPLE_NAME, SAMPLE)]), js_handler="() => emit()")
    show()
