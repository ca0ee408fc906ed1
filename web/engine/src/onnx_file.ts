import Pbf from "pbf";

/** A tensor as the file declares it; -1 stands for a symbolic dimension. */
export interface TensorSpec {
  name: string;
  isFloat32: boolean;
  shape: number[];
}

/** What an `.onnx` file says of itself. Nodes and weights are passed over. */
export interface OnnxHeader {
  metadata: Map<string, string>;
  inputs: TensorSpec[];
  outputs: TensorSpec[];
}

// Field numbers of onnx.proto, which ONNX never changes.
const MODEL = { graph: 7, metadataProps: 14 };
const GRAPH = { input: 11, output: 12 };
const ENTRY = { key: 1, value: 2 };
const VALUE_INFO = { name: 1, type: 2 };
const TYPE = { tensorType: 1 };
const TENSOR_TYPE = { elemType: 1, shape: 2 };
const SHAPE = { dim: 1 };
const DIMENSION = { dimValue: 1 };
const FLOAT = 1;

/** Throws what pbf throws, or RangeError, if the bytes are no protobuf message. */
export function readOnnxHeader(bytes: Uint8Array): OnnxHeader {
  const pbf = new Pbf(bytes);
  const header = pbf.readFields(readModelField, { metadata: new Map(), inputs: [], outputs: [] } as OnnxHeader);
  if (pbf.pos !== bytes.length) throw new RangeError("the file ends in the middle of a field");
  return header;
}

function readModelField(tag: number, header: OnnxHeader, pbf: Pbf): void {
  if (tag === MODEL.graph) pbf.readMessage(readGraphField, header);
  if (tag === MODEL.metadataProps) {
    const entry = pbf.readMessage(readEntryField, { key: "", value: "" });
    header.metadata.set(entry.key, entry.value);
  }
}

function readEntryField(tag: number, entry: { key: string; value: string }, pbf: Pbf): void {
  if (tag === ENTRY.key) entry.key = pbf.readString();
  if (tag === ENTRY.value) entry.value = pbf.readString();
}

function readGraphField(tag: number, header: OnnxHeader, pbf: Pbf): void {
  if (tag === GRAPH.input) header.inputs.push(readValueInfo(pbf));
  if (tag === GRAPH.output) header.outputs.push(readValueInfo(pbf));
}

function readValueInfo(pbf: Pbf): TensorSpec {
  return pbf.readMessage(readValueInfoField, { name: "", isFloat32: false, shape: [] } as TensorSpec);
}

function readValueInfoField(tag: number, tensor: TensorSpec, pbf: Pbf): void {
  if (tag === VALUE_INFO.name) tensor.name = pbf.readString();
  if (tag === VALUE_INFO.type) pbf.readMessage(readTypeField, tensor);
}

function readTypeField(tag: number, tensor: TensorSpec, pbf: Pbf): void {
  if (tag === TYPE.tensorType) pbf.readMessage(readTensorTypeField, tensor);
}

function readTensorTypeField(tag: number, tensor: TensorSpec, pbf: Pbf): void {
  if (tag === TENSOR_TYPE.elemType) tensor.isFloat32 = pbf.readVarint() === FLOAT;
  if (tag === TENSOR_TYPE.shape) pbf.readMessage(readShapeField, tensor);
}

function readShapeField(tag: number, tensor: TensorSpec, pbf: Pbf): void {
  if (tag === SHAPE.dim) tensor.shape.push(pbf.readMessage(readDimensionField, { size: -1 }).size);
}

function readDimensionField(tag: number, dimension: { size: number }, pbf: Pbf): void {
  if (tag === DIMENSION.dimValue) dimension.size = pbf.readVarint();
}
