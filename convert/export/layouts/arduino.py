"""A library for the Arduino IDE."""

from stapes.convert.export.layouts._common import BUILT, placed
from stapes.convert.export.library import Library
from stapes.convert.export.readme import readme

SINGLE_FILE = False


def files(library: Library) -> dict[str, str]:
    """Return the texts of all files of the exported library by their paths."""
    name = library.name
    properties = f"""name={name}
version={library.version}
author=stapes
maintainer=stapes
sentence=Detects {library.classes}.
paragraph=Audio events with onset and offset times: int16 samples in, events out, static memory only.
category=Signal Input/Output
url=https://example.com/{name}
architectures=*
includes={name}_detector.h
"""
    usage = (
        "Sketch > Include Library > Add .ZIP Library with this folder zipped, or copy it to your libraries folder. "
        "Open File > Examples > ListenMicrophone. Before you publish it in the Library Manager, put your names and "
        "your page into author, maintainer and url of `library.properties`."
    )
    return placed(library, "src/", "src/") | {
        "library.properties": properties,
        "examples/ListenMicrophone/ListenMicrophone.ino": library.program("arduino_microphone.ino"),
        "README.md": readme(
            library,
            usage,
            f"{BUILT} The sketch is compiled against stand-ins of Arduino.h and PDM.h; no Arduino core was used.",
        ),
    }
