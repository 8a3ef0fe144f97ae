"""Language models behind one batch-first protocol: scripted, pocket, transformers, OpenAI-compatible, cassettes."""

from bilp_agent.llm.base import Completion, LanguageModel, Message, Request, Usage, can_constrain
from bilp_agent.llm.registry import load_model
from bilp_agent.llm.usage import UsageMeter

__all__ = ["Completion", "LanguageModel", "Message", "Request", "Usage", "UsageMeter", "can_constrain", "load_model"]
