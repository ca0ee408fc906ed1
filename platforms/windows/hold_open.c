/* Holds a file open as Windows programs do that play it, so that nobody can rename or delete it, until its standard
   input ends. usage: hold_open FILE */
#include <stdio.h>
#include <windows.h>

int wmain(int count, wchar_t** arguments) {
  HANDLE file;
  if (count != 2) return 100;
  file = CreateFileW(arguments[1], GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
  if (file == INVALID_HANDLE_VALUE) return 101;
  puts("held");
  fflush(stdout);
  while (getchar() != EOF) {
  }
  CloseHandle(file);
  return 0;
}
