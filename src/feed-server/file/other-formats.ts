import { invalidFile } from './invalid.ts'

type Format = Readonly<{ name: string; begin: readonly string[]; isPacked?: true }>

/** By the bytes that they begin with, in Latin-1. */
const formats: readonly Format[] = [
  { name: 'a zip file', begin: ['PK\x03\x04', 'PK\x05\x06'], isPacked: true },
  { name: 'a file that was compressed twice', begin: ['\x1f\x8b'], isPacked: true },
  { name: 'a bzip2 file', begin: ['BZh'], isPacked: true },
  { name: 'an xz file', begin: ['\xfd7zXZ\0'], isPacked: true },
  { name: 'a zstd file', begin: ['\x28\xb5\x2f\xfd'], isPacked: true },
  { name: 'an lz4 file', begin: ['\x04\x22\x4d\x18'], isPacked: true },
  { name: 'a 7z file', begin: ['7z\xbc\xaf\x27\x1c'], isPacked: true },
  { name: 'a Parquet file', begin: ['PAR1'] },
  { name: 'an Arrow file', begin: ['ARROW1', 'FEA1'] },
  { name: 'a DBN file of Databento', begin: ['DBN'] },
  { name: 'an Avro file', begin: ['Obj\x01'] },
  { name: 'an ORC file', begin: ['ORC'] },
  { name: 'an HDF5 file', begin: ['\x89HDF'] },
  { name: 'an SQLite database', begin: ['SQLite format 3'] },
  { name: 'an Excel file', begin: ['\xd0\xcf\x11\xe0'] },
  { name: 'HTML or XML', begin: ['<'] },
]

const beginBytes = 512
/** A tar archive says so at this place. */
const tarMark = { at: 257, text: 'ustar' }

/** Refuses a file that begins with these bytes, if no trade file can. */
export function refuseOtherFormats(bytes: Buffer, path: string): void {
  const begin = bytes.toString('latin1', 0, beginBytes)
  const unpacked = 'unpack it: a trade file is plain or gzip'
  const format = formats.find((each) => each.begin.some((mark) => begin.startsWith(mark)))
  if (format !== undefined) {
    const advice = format.isPacked ? unpacked : 'write its trades as CSV'
    throw invalidFile(path, `it looks like ${format.name}: ${advice}`)
  }
  if (begin.startsWith(tarMark.text, tarMark.at)) {
    throw invalidFile(path, `it looks like a tar archive: ${unpacked}`)
  }
  if (isUtf16(begin)) throw invalidFile(path, 'it looks like UTF-16 text: save it as UTF-8')
  if (begin.includes('\0')) throw invalidFile(path, 'it looks like a binary file: it must be text')
}

/** Every other byte of Latin letters and digits is zero. */
const isUtf16 = (begin: string): boolean =>
  /^(?:\xff\xfe|\xfe\xff)/.test(begin) || /^(?:[^\0]\0){4}|^(?:\0[^\0]){4}/.test(begin)
