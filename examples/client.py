"""A client: asks the model that server.py has shared what three images show, without showing them to anybody."""

import sys

import trine
from trine.demo.data import load_digits

images, labels = load_digits()

with trine.connect(sys.argv[1], model="digits") as client:  # the file that server.py names
    for image, label in zip(images[:3], labels[:3], strict=True):
        logits = client.query(image)  # split here, computed on by the three, put together here
        print(f"actual {label}, predicted {logits.argmax()}")
