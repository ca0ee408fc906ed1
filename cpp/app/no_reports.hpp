#pragma once

/// From 1.29 on ONNX Runtime's official builds report to their maker on a thread of their own. Forbids that to this
/// process, unless the user has decided himself. To be called before any thread starts.
void forbid_reports();
