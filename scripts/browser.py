"""Finds a Chromium for the browser tests, or installs Debian's small one where that is allowed."""
import os
import shutil
import subprocess

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]


def find_browser() -> str | None:
    """BROWSER_PATH, or the first of NAMES on the PATH or in /usr/bin."""
    if named := os.environ.get("BROWSER_PATH"):
        return named if os.path.exists(named) else None
    places = os.environ.get("PATH", "") + os.pathsep + "/usr/bin"
    return next((found for name in NAMES if (found := shutil.which(name, path=places))), None)


def why_no_browser() -> str | None:
    """None when there is one; otherwise the reason, with what to do."""
    if find_browser():
        return None
    if named := os.environ.get("BROWSER_PATH"):
        return f"BROWSER_PATH is {named}, and there is nothing there"
    return "no Chromium here: install chromium-headless-shell, or set BROWSER_PATH"


def get_browser() -> str | None:
    """Install one by apt where we are root; None when there is none even so."""
    found = find_browser()
    if found or os.environ.get("BROWSER_PATH") or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    print("Installing chromium-headless-shell for the browser tests ...", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"],
                    ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium-headless-shell"]):
        subprocess.run(command, env=environment, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    return find_browser()
