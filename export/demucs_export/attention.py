"""Exact multi-head attention in plain operators that never holds all the scores at once."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MAX_SCORE_BYTES = 16 * 2**20
"""Upper bound of the attention scores alive at once, for one batch item: about what a processor's last cache holds."""


class BlockedAttention(nn.Module):
    """Evaluation-mode twin of a batch-first `nn.MultiheadAttention`, sharing its weights.

    The softmax is exact: heads follow each other, and only queries are cut into blocks, each of which sees every
    key. Of the stock signature it takes what demucs uses: no mask, no returned attention weights.
    """

    def __init__(self, stock: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads: int = stock.num_heads
        self.in_proj_weight = stock.in_proj_weight
        self.in_proj_bias = stock.in_proj_bias
        self.out_proj = stock.out_proj

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = False,
        is_causal: bool = False,
    ) -> tuple[Tensor, None]:
        """Query [batch, queries, width], key = value [batch, keys, width] to [batch, queries,
        width]."""
        if attn_mask is not None or key_padding_mask is not None or need_weights or is_causal:
            raise ValueError("masks and returned attention weights are not supported")
        width = query.shape[-1]
        head_width = width // self.heads
        w_query, w_key, w_value = torch.split(self.in_proj_weight, width)
        b_query, b_key, b_value = torch.split(self.in_proj_bias, width)
        queries = F.linear(query, w_query, b_query) * (1 / math.sqrt(head_width))
        keys, values = F.linear(key, w_key, b_key), F.linear(key, w_value, b_value)
        heads = zip(*(torch.split(x, head_width, dim=-1) for x in (queries, keys, values)), strict=True)
        joined = torch.cat([_attend(*head) for head in heads], dim=-1)
        output: Tensor = self.out_proj(joined)
        return output, None


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """One head: queries [batch, queries, width], keys and values [batch, keys, width] to the queries' shape."""
    count, keys = queries.shape[1], keys.transpose(-1, -2)
    blocks = math.ceil(count * keys.shape[-1] * 4 / MAX_SCORE_BYTES)
    parts = torch.split(queries, math.ceil(count / blocks), dim=1) if blocks > 1 else [queries]
    return torch.cat([torch.matmul(torch.softmax(torch.matmul(part, keys), dim=-1), values) for part in parts], dim=1)
