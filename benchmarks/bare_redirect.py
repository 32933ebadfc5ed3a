"""The ceiling: a Flask view that only answers 302, and records nothing."""
from flask import Flask, redirect

app = Flask(__name__)


@app.get("/r/<code>")
def follow(code: str):
    return redirect("https://westside.example/cars")


@app.get("/health")
def health():
    return ""
