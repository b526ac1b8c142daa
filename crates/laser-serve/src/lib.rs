//! An OpenAI-compatible server whose answers carry their self-reward.
