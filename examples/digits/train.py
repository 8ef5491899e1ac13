"""Train on the handwritten digits, say how it goes, leave the model and its test accuracy."""

import json
import os
from pathlib import Path

import joblib
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

EPOCHS = 12
SEED = 7

output = Path(os.environ["MAINS_OUTPUT"])
images, labels = load_digits(return_X_y=True)
train_x, test_x, train_y, test_y = train_test_split(
    images, labels, test_size=0.25, random_state=SEED, stratify=labels
)
scaler = StandardScaler().fit(train_x)
train_x, test_x = scaler.transform(train_x), scaler.transform(test_x)
model = SGDClassifier(loss="log_loss", random_state=SEED)
for epoch in range(1, EPOCHS + 1):
    model.partial_fit(train_x, train_y, classes=range(10))
    print(f"epoch {epoch:2d}: training accuracy {model.score(train_x, train_y):.4f}", flush=True)

accuracy = accuracy_score(test_y, model.predict(test_x))
print(f"test accuracy {accuracy:.4f} on {len(test_y)} images it has never seen", flush=True)
joblib.dump((scaler, model), output / "model.joblib")
(output / "metrics.json").write_text(json.dumps({"accuracy": round(float(accuracy), 4)}))
