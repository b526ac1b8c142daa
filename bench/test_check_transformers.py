"""check_transformers.py on the fixtures: what agrees, what does not, and what is refused.

    python -m unittest bench/test_check_transformers.py
"""

import contextlib
import io
import json
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIXTURES = ROOT / "fixtures"
sys.path[:0] = [str(ROOT / "bench"), str(FIXTURES)]

import check_transformers
import make_variants


class CheckTransformers(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)

    def lines(self, reference: str) -> Path:
        """The sequences of a reference file as JSON lines."""
        rows = json.loads((FIXTURES / reference).read_text())["sequences"]
        return self.file("".join(json.dumps(row) + "\n" for row in rows))

    def file(self, text: str) -> Path:
        path = self.folder / "lines.jsonl"
        path.write_text(text)
        return path

    def check(self, model, lines: Path, *options) -> tuple[int, str]:
        """Exit status and everything printed."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            status = check_transformers.main([str(x) for x in (model, lines, *options)])
        return status, out.getvalue()

    def test_the_references_of_the_fixtures_agree(self):
        for name in ("qwen2", "qwen3", "llama3"):
            status, out = self.check(FIXTURES / name, self.lines(f"{name}/reference.json"))
            self.assertEqual(status, 0, out)

    def test_the_references_of_the_adapters_agree_with_the_adapter_and_not_without(self):
        for name in ("qwen2", "qwen3", "llama3", "qwen2_row"):
            base, adapter = FIXTURES / name.removesuffix("_row"), FIXTURES / "lora" / name
            lines = self.lines(f"lora/{name}/reference.json")
            status, out = self.check(base, lines, "--adapter", adapter)
            self.assertEqual(status, 0, out)
            status, out = self.check(base, lines)
            self.assertEqual(status, 1, out)

    def test_bf16_and_sharded_folders_agree_with_their_references(self):
        make_variants.write_bf16(self.folder / "bf16")
        make_variants.write_sharded(self.folder / "sharded")
        for variant, reference in (("bf16", "qwen2/reference_bf16.json"), ("sharded", "qwen2/reference.json")):
            status, out = self.check(self.folder / variant, self.lines(reference), "--bound", "1e-5")
            self.assertEqual(status, 0, out)
        status, out = self.check(self.folder / "bf16", self.lines("qwen2/reference.json"))
        self.assertEqual(status, 1, out)

    def test_one_number_above_the_bound_is_named(self):
        path = self.lines("qwen2/reference.json")
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for value in (rows[2]["logprobs"][7] + 1e-3, float("nan"), float("inf")):
            rows[2]["logprobs"][7] = value
            status, out = self.check(FIXTURES / "qwen2", self.file("\n".join(map(json.dumps, rows))))
            self.assertEqual(status, 1, out)
            self.assertIn("line 3, logprobs[7]", out)

    def test_a_bad_line_is_refused_with_its_number(self):
        good = json.dumps({"ids": [1, 2], "logprobs": [-1.0]})
        for bad, why in (
            ("{", "JSONDecodeError"),
            ("[1, 2]", "expected"),
            ('{"ids": [1, 2]}', "'logprobs'"),
            ('{"ids": [1, 2], "logprobs": [null]}', "numbers"),
            ('{"ids": [1, 2.5], "logprobs": [-1]}', "integers"),
            ('{"ids": [1, 2, 3], "logprobs": [-1]}', "3 ids need 2 logprobs"),
            ('{"ids": [1, 768], "logprobs": [-1]}', "768"),
        ):
            status, out = self.check(FIXTURES / "qwen2", self.file(f"{good}\n{bad}\n"))
            self.assertEqual(status, 2, out)
            self.assertIn("line 2", out)
            self.assertIn(why, out)

    def test_a_file_that_is_missing_or_empty_is_refused(self):
        for lines, why in ((self.folder / "none", "none"), (self.file("\n"), "no lines")):
            status, out = self.check(FIXTURES / "qwen2", lines)
            self.assertEqual(status, 2, out)
            self.assertIn(why, out)

    def test_a_folder_without_a_model_or_with_a_missing_shard_is_refused(self):
        lines = self.lines("qwen2/reference.json")
        make_variants.write_sharded(self.folder / "sharded")
        (self.folder / "sharded" / "model-00002-of-00003.safetensors").unlink()
        for folder, why in ((self.folder, "config.json"), (self.folder / "sharded", "00002")):
            status, out = self.check(folder, lines)
            self.assertEqual(status, 2, out)
            self.assertIn(why, out)

    def test_a_model_that_lacks_a_tensor_is_refused(self):
        make_variants.copy_without_weights(self.folder / "model")
        tensors = make_variants.load_file(FIXTURES / "qwen2" / "model.safetensors")
        del tensors["model.norm.weight"]
        make_variants.save_file(tensors, self.folder / "model" / "model.safetensors", metadata={"format": "pt"})
        status, out = self.check(self.folder / "model", self.lines("qwen2/reference.json"))
        self.assertEqual(status, 2, out)
        self.assertIn("model.norm.weight", out)

    def test_an_adapter_whose_tensors_do_not_fit_its_configuration_is_refused(self):
        # PEFT itself says nothing in the first two cases.
        lines = self.lines("qwen2/reference.json")
        for changes, why in (
            ({"target_modules": ["q_proj"]}, "not known"),
            ({"trainable_token_indices": None}, "trainable_tokens_delta"),
            ({"r": 8}, "cannot load"),
            ({"target_modules": ["no_such_proj"]}, "cannot load"),
        ):
            adapter = self.folder / "adapter"
            shutil.rmtree(adapter, ignore_errors=True)
            shutil.copytree(FIXTURES / "lora" / "qwen3", adapter)
            config = json.loads((adapter / "adapter_config.json").read_text())
            (adapter / "adapter_config.json").write_text(json.dumps({**config, **changes}))
            status, out = self.check(FIXTURES / "qwen3", lines, "--adapter", adapter)
            self.assertEqual(status, 2, out)
            self.assertIn(why, out)
        (adapter / "adapter_model.safetensors").unlink()
        status, out = self.check(FIXTURES / "qwen3", lines, "--adapter", adapter)
        self.assertEqual((status, "adapter_model.safetensors" in out), (2, True), out)


if __name__ == "__main__":
    unittest.main()
