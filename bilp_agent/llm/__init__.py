"""Language models behind one batch-first protocol: scripted, transformers and OpenAI-compatible backends."""

from bilp_agent.llm.base import Completion, LanguageModel, Message, Request, Usage
from bilp_agent.llm.registry import load_model
from bilp_agent.llm.usage import UsageMeter

__all__ = ["Completion", "LanguageModel", "Message", "Request", "Usage", "UsageMeter", "load_model"]
