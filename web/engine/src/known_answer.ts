/** The test that every backend has to pass; twin of cpp/src/model/known_answer. */

/** Below this SNR in dB a backend is broken: bfloat16 has 40, and unrelated signals have 0 or less. */
export const MIN_KNOWN_ANSWER_SNR = 20;

/** How many samples of every stem a model file has the answer of. */
export const KNOWN_SAMPLES_A_STEM = 16;

/** The signal [channel][frame] that every exported model has an answer to: white noise within 0.2. */
export function knownSignal(channels: number, segment: number): Float32Array {
  const signal = new Float32Array(channels * segment);
  let state = 1;
  for (let i = 0; i < signal.length; ++i) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0; // Numerical Recipes' "quick and dirty" generator
    signal[i] = Math.fround(Math.fround((state >>> 8) / 16777216) - 0.5) * Math.fround(0.4);
  }
  return signal;
}

/** How well `stems` [stem][channel][frame] agree with the answer, in dB; NaN if they are not numbers. */
export function knownAnswerSnr(channels: number, segment: number, answer: number[], stems: Float32Array): number {
  let power = 0;
  let error = 0;
  answer.forEach((wanted, i) => {
    const k = i % KNOWN_SAMPLES_A_STEM;
    const row = Math.floor(i / KNOWN_SAMPLES_A_STEM) * channels + (k % channels);
    const frame = Math.floor(((2 * k + 1) * segment) / (2 * KNOWN_SAMPLES_A_STEM));
    power += wanted * wanted;
    error += (stems[row * segment + frame]! - wanted) ** 2;
  });
  return error === 0 ? Infinity : 10 * Math.log10(power / error);
}
