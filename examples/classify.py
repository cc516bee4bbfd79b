"""Class pictures with an exported network, or a run's winner: python examples/classify.py MODEL IMAGE ..."""

from __future__ import annotations

import sys

import torch

from suite import load

model = load(sys.argv[1])
for file in sys.argv[2:]:
    said = model.predict(file)
    print(f"{said.file}: {said.label}, {said.probability:.1%}")

# Pictures that are in memory already: bytes, or numbers from 0 to 1, of the model's own size.
blank = torch.full((1, *model.input_shape), 255, dtype=torch.uint8)
probability, number = model.probabilities(blank)[0].max(0)
print(f"A white picture: {model.classes[int(number)]}, {float(probability):.1%}")
