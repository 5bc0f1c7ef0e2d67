// How loud sound was since the last look, 0 to 1: short words are not missed between two looks.

export class Loudness {
  #before = new Map();

  // Of a receiver: what came in; 0 where nothing did.
  async level(end) {
    const reports = end ? [...(await end.getStats()).values()] : [];
    const sound = reports.find(({ type, kind }) => type === "inbound-rtp" && kind === "audio");
    const { totalAudioEnergy, totalSamplesDuration, audioLevel = 0 } = sound ?? {};
    if (totalAudioEnergy === undefined) return audioLevel;
    const before = this.#before.get(end) ?? { energy: totalAudioEnergy, duration: totalSamplesDuration };
    this.#before.set(end, { energy: totalAudioEnergy, duration: totalSamplesDuration });
    const length = totalSamplesDuration - before.duration;
    return length > 0 ? Math.sqrt((totalAudioEnergy - before.energy) / length) : 0;
  }
}
