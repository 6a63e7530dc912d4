"""ONNX Runtime reports nothing to its maker, and leaves nothing in the home of who runs it."""


def test_a_model_that_runs_leaves_nothing_at_home(vedette, model, tmp_path):
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    vedette("check", "-p", f"model:={model}", "-p", "providers:=[cpu]", env=environment)
    assert sorted(tmp_path.rglob("*")) == []
