// Sound files for tests.

// Half a second of silence: 8000 samples a second, PCM of 16 bits.
export const silence = () => {
  const samples = Buffer.alloc(8000), head = Buffer.alloc(44);
  head.write('RIFF', 0); head.writeUInt32LE(36 + samples.length, 4); head.write('WAVEfmt ', 8); head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20); head.writeUInt16LE(1, 22); head.writeUInt32LE(8000, 24); head.writeUInt32LE(16000, 28);
  head.writeUInt16LE(2, 32); head.writeUInt16LE(16, 34); head.write('data', 36); head.writeUInt32LE(samples.length, 40);
  return Buffer.concat([head, samples]);
};
