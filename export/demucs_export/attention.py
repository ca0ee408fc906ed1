"""Exact multi-head attention in plain operators that never holds all the scores at once."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

MAX_SCORE_BYTES = 32 * 2**20
"""Upper bound of the attention scores alive at once, for one batch item in float32.

With the copy that the softmax makes they stay below what the last decoder layer holds.
"""


class BlockedAttention(nn.Module):
    """Evaluation-mode twin of a batch-first `nn.MultiheadAttention`, sharing its weights.

    The softmax is exact: only queries are cut into blocks, each of which sees every key, with all heads in one
    product. Of the stock signature it takes what demucs uses: no mask, no returned attention weights.
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
        w_query, w_key, w_value = torch.split(self.in_proj_weight, width)
        b_query, b_key, b_value = torch.split(self.in_proj_bias, width)
        keys, values = F.linear(key, w_key, b_key), F.linear(key, w_value, b_value)
        output: Tensor = self.out_proj(self._attended(F.linear(query, w_query, b_query), keys, values))
        return output, None

    def _attended(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """The heads' outputs side by side, [batch, tokens, width] all."""
        shape, scaled = queries.shape, queries * (1 / math.sqrt(queries.shape[-1] // self.heads))
        return _attend(*(self._by_head(x) for x in (scaled, keys, values))).transpose(1, 2).reshape(shape)

    def _by_head(self, x: Tensor) -> Tensor:
        """[batch, tokens, width] to [batch, heads, tokens, width of a head]."""
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class FusedAttention(BlockedAttention):
    """The same as one operator of ONNX Runtime's own, which on a GPU never writes the scores to memory.

    Only for export: PyTorch itself would get an empty answer.
    """

    def _attended(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        fused: Tensor = torch.onnx.ops.symbolic(
            "com.microsoft::MultiHeadAttention", (queries, keys, values), {"num_heads": self.heads},
            dtype=queries.dtype, shape=queries.shape, version=1,
        )  # fmt: skip
        return fused


def _attend(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """All heads: queries, keys and values [batch, heads, tokens, width of a head] to the queries' shape."""
    heads, count, keys = queries.shape[1], queries.shape[2], keys.transpose(-1, -2)
    blocks = math.ceil(heads * count * keys.shape[-1] * 4 / MAX_SCORE_BYTES)
    parts = torch.split(queries, math.ceil(count / blocks), dim=2) if blocks > 1 else [queries]
    return torch.cat([torch.matmul(torch.softmax(torch.matmul(part, keys), dim=-1), values) for part in parts], dim=2)
