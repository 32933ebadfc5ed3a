"""The door for WSGI servers: settings from the environment, or a start refused in plain words."""
import os

from marketplace.app import create_app
from marketplace.settings import Settings

app = create_app(Settings.from_env(os.environ))
