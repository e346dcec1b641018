"""A Flask application as it is before a page's lines are added at its end."""

from flask import Flask

app = Flask(__name__)


@app.get("/items/<int:item_id>")
def read_item(item_id):
    return {"id": item_id}
