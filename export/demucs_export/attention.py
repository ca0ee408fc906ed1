"""Exact multi-head attention in plain operators that never holds all the scores at once."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MAX_SCORE_BYTES = 32 * 2**20
"""Upper bound of the attention scores alive at once, for one batch item."""


class BlockedAttention(nn.Module):
    """Evaluation-mode twin of a batch-first `nn.MultiheadAttention`, sharing its weights.

    The softmax is exact; only the queries are cut into blocks, each of which sees every key. Of
    the stock signature it takes what demucs uses: no mask, no returned attention weights.
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
        queries = self._heads(F.linear(query, w_query, b_query) * (1 / math.sqrt(head_width)))
        keys = self._heads(F.linear(key, w_key, b_key)).transpose(-1, -2)
        values = self._heads(F.linear(value, w_value, b_value))
        block = self._block(query.shape[1], key.shape[1])
        mixed = [
            torch.matmul(torch.softmax(torch.matmul(part, keys), dim=-1), values)
            for part in torch.split(queries, block, dim=2)
        ]
        joined = torch.cat(mixed, dim=2).transpose(1, 2).reshape(query.shape)
        output: Tensor = self.out_proj(joined)
        return output, None

    def _heads(self, x: Tensor) -> Tensor:
        """[batch, tokens, width] to [batch, heads, tokens, width / heads]."""
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)

    def _block(self, queries: int, keys: int) -> int:
        """The size of equal blocks of queries whose scores stay within the bound."""
        blocks = math.ceil(queries * keys * self.heads * 4 / MAX_SCORE_BYTES)
        return math.ceil(queries / blocks)
