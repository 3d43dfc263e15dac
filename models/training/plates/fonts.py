"""Free fonts the training plates are lettered with, and where each comes from.

The state's own plate typeface is not among them. `HELD_OUT` faces never meet the network in training: what is
measured on them says how it reads a typeface that it has not seen.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

Client = Literal["debian", "npm", "pypi"]
Split = Literal["train", "held_out"]
DEFAULT_FOLDER = Path.home() / ".cache" / "anju" / "fonts"
_FETCH_S = 600


class FontsMissingError(RuntimeError):
    """Fonts are not in their folder; the text says which command gets them."""


@dataclass(frozen=True, slots=True)
class Face:
    """One font file.

    member: its path in the package; index: of the face in a collection.
    """

    package: str
    member: str
    index: int = 0

    @property
    def file(self) -> str:
        return Path(self.member).name


PACKAGES: dict[str, tuple[Client, str, str]] = {
    "dejavu": ("debian", "fonts-dejavu-core", "Bitstream Vera licence"),
    "dejavu-extra": ("debian", "fonts-dejavu-extra", "Bitstream Vera licence"),
    "dosis": ("debian", "fonts-dosis", "OFL-1.1"),
    "play": ("debian", "fonts-play", "OFL-1.1"),
    "roadgeek": ("debian", "fonts-roadgeek", "MIT"),
    "routed": ("debian", "fonts-routed-gothic", "OFL-1.1"),
    "b612": ("debian", "fonts-b612", "OFL-1.1"),
    "liberation": ("debian", "fonts-liberation", "OFL-1.1, Narrow: GPL-2 with font exception"),
    "national-park": ("debian", "fonts-national-park", "OFL-1.1"),
    "bebas": ("debian", "fonts-bebas-neue", "OFL-1.1"),
    "zenhei": ("debian", "fonts-wqy-zenhei", "GPL-2 with font exception"),
    "microhei": ("debian", "fonts-wqy-microhei", "Apache-2.0, or GPL-3 with font exception"),
    "gkai": ("debian", "fonts-arphic-gkai00mp", "Arphic Public License"),
    "gbsn": ("debian", "fonts-arphic-gbsn00lp", "Arphic Public License"),
    "wenkai": ("debian", "fonts-lxgw-wenkai", "OFL-1.1"),
    "smiley": ("debian", "fonts-smiley-sans", "OFL-1.1"),
    "noto-cjk": ("debian", "fonts-noto-cjk", "OFL-1.1"),
    "noto-black": ("pypi", "cvttf-notosanscjk-black==1.0", "OFL-1.1"),
    "noto-medium": ("pypi", "cvttf-notosanscjk-medium==1.0", "OFL-1.1"),
    "barlow": ("npm", "@expo-google-fonts/barlow-condensed@0.4.1", "OFL-1.1"),
    "saira": ("npm", "@expo-google-fonts/saira-condensed@0.4.1", "OFL-1.1"),
    "oswald": ("npm", "@expo-google-fonts/oswald@0.4.2", "OFL-1.1"),
    "pathway": ("npm", "@expo-google-fonts/pathway-gothic-one@0.4.1", "OFL-1.1"),
    "roboto": ("npm", "@expo-google-fonts/roboto-condensed@0.4.2", "OFL-1.1"),
    "archivo": ("npm", "@expo-google-fonts/archivo-narrow@0.4.2", "OFL-1.1"),
    "huangyou": ("npm", "@expo-google-fonts/zcool-qingke-huangyou@0.4.1", "OFL-1.1"),
    "kuaile": ("npm", "@expo-google-fonts/zcool-kuaile@0.4.2", "OFL-1.1"),
    "xiaowei": ("npm", "@expo-google-fonts/zcool-xiaowei@0.4.1", "OFL-1.1"),
}
"""Short name to (client, package, licence of the font)."""

_TTF, _OTF = "usr/share/fonts/truetype", "usr/share/fonts/opentype"
LATIN: dict[Split, tuple[Face, ...]] = {
    "train": (
        Face("dejavu", f"{_TTF}/dejavu/DejaVuSans-Bold.ttf"),
        Face("dejavu-extra", f"{_TTF}/dejavu/DejaVuSansCondensed-Bold.ttf"),
        Face("dosis", f"{_OTF}/dosis/Dosis-Bold.otf"),
        Face("dosis", f"{_OTF}/dosis/Dosis-SemiBold.otf"),
        Face("play", f"{_OTF}/play/Play-Bold.otf"),
        Face("roadgeek", f"{_TTF}/roadgeek/RG2014B.ttf"),
        Face("roadgeek", f"{_TTF}/roadgeek/RG2014C.ttf"),
        Face("roadgeek", f"{_TTF}/roadgeek/RG2014D.ttf"),
        Face("roadgeek", f"{_TTF}/roadgeek/RG2014EM.ttf"),
        Face("routed", f"{_TTF}/routed-gothic/routed-gothic.ttf"),
        Face("routed", f"{_TTF}/routed-gothic/routed-gothic-narrow.ttf"),
        Face("b612", f"{_OTF}/b612/B612-Bold.otf"),
        Face("barlow", "package/500Medium/BarlowCondensed_500Medium.ttf"),
        Face("barlow", "package/600SemiBold/BarlowCondensed_600SemiBold.ttf"),
        Face("barlow", "package/700Bold/BarlowCondensed_700Bold.ttf"),
        Face("saira", "package/500Medium/SairaCondensed_500Medium.ttf"),
        Face("saira", "package/600SemiBold/SairaCondensed_600SemiBold.ttf"),
        Face("oswald", "package/500Medium/Oswald_500Medium.ttf"),
        Face("pathway", "package/400Regular/PathwayGothicOne_400Regular.ttf"),
        Face("roboto", "package/500Medium/RobotoCondensed_500Medium.ttf"),
        Face("roboto", "package/700Bold/RobotoCondensed_700Bold.ttf"),
    ),
    "held_out": (
        Face("liberation", f"{_TTF}/liberation/LiberationSansNarrow-Bold.ttf"),
        Face("national-park", f"{_OTF}/national-park/NationalPark-Regular.otf"),
        Face("national-park", f"{_OTF}/national-park/NationalPark-Heavy.otf"),
        Face("bebas", f"{_OTF}/bebas-neue/BebasNeue-Bold.otf"),
        Face("archivo", "package/600SemiBold/ArchivoNarrow_600SemiBold.ttf"),
    ),
}
CHINESE: dict[Split, tuple[Face, ...]] = {
    "train": (
        Face("noto-cjk", f"{_OTF}/noto/NotoSansCJK-Bold.ttc", 2),
        Face("noto-cjk", f"{_OTF}/noto/NotoSansCJK-Regular.ttc", 2),
        Face("noto-cjk", f"{_OTF}/noto/NotoSerifCJK-Bold.ttc", 2),
        Face("noto-black", "cvttf_NotoSansCJK_Black/NotoSansCJKtc-Black.otf"),
        Face("noto-medium", "cvttf_NotoSansCJK_Medium/NotoSansCJKtc-Medium.otf"),
        Face("huangyou", "package/400Regular/ZCOOLQingKeHuangYou_400Regular.ttf"),
        Face("kuaile", "package/400Regular/ZCOOLKuaiLe_400Regular.ttf"),
        Face("xiaowei", "package/400Regular/ZCOOLXiaoWei_400Regular.ttf"),
        Face("gkai", f"{_TTF}/arphic-gkai00mp/gkai00mp.ttf"),
        Face("gbsn", f"{_TTF}/arphic-gbsn00lp/gbsn00lp.ttf"),
        Face("wenkai", f"{_TTF}/lxgw-wenkai/LXGWWenKai-Regular.ttf"),
        Face("wenkai", f"{_TTF}/lxgw-wenkai/LXGWWenKai-Bold.ttf"),
        Face("smiley", f"{_TTF}/smiley-sans/SmileySans-Oblique.ttf"),
    ),
    "held_out": (
        Face("zenhei", f"{_TTF}/wqy/wqy-zenhei.ttc"),
        Face("microhei", f"{_TTF}/wqy/wqy-microhei.ttc"),
    ),
}


def located(faces: Sequence[Face], folder: Path) -> tuple[Path, ...]:
    """The files of ``faces`` in ``folder``. Raises FontsMissingError."""
    paths = tuple(folder / face.file for face in faces)
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise FontsMissingError(
            f"{folder}: {', '.join(missing)} missing; run: python -m models.training.plates.fonts {folder}"
        )
    return paths


def fetch(folder: Path) -> None:
    """Get every font into ``folder`` through apt-get, npm and pip, each in the version named above.

    Raises subprocess.CalledProcessError where a client fails, KeyError where a package lacks the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    faces = [face for group in (*LATIN.values(), *CHINESE.values()) for face in group]
    for package in sorted({face.package for face in faces}):
        wanted = [face for face in faces if face.package == package and not (folder / face.file).is_file()]
        if wanted:
            with TemporaryDirectory() as scratch:
                _unpack(package, wanted, Path(scratch), folder)


def _unpack(package: str, faces: Sequence[Face], scratch: Path, folder: Path) -> None:
    client, name, _ = PACKAGES[package]
    commands = {
        "debian": ["apt-get", "download", name],
        "npm": ["npm", "pack", "--silent", name],
        "pypi": [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", name],
    }
    subprocess.run(commands[client], cwd=scratch, check=True, timeout=_FETCH_S, stdout=subprocess.DEVNULL)
    (archive,) = scratch.iterdir()
    for face in faces:
        (folder / face.file).write_bytes(_member(client, archive, face.member))


def _member(client: Client, archive: Path, member: str) -> bytes:
    if client == "pypi":
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(member)
    if client == "npm":
        with tarfile.open(archive) as package:
            found = package.extractfile(member)
            assert found is not None, member
            return found.read()
    unpacked = archive.parent / "unpacked"
    if not unpacked.is_dir():
        subprocess.run(["dpkg-deb", "-x", str(archive), str(unpacked)], check=True, timeout=_FETCH_S)
    return (unpacked / member).read_bytes()


if __name__ == "__main__":
    fetch(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_FOLDER)
